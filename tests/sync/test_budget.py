"""A directory's share of the workers: so much a day, so much a run; a slow or endless one keeps nobody else waiting."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from identity import directories, sync_runs, tenancy
from identity.models import OutgoingMail, Run
from tasks.connectors.faults import RateLimited
from tasks.connectors.interface import End, Page
from tasks.sync import claim, work
from tests.conftest import SETUP, later_on
from tests.sync.conftest import ADA, make_settled
from tests.sync.scripted import approved, crowd, events, go_on, listing, person, pull_of, run, settle, states


@pytest.fixture
def settled(db, script):
    """Let each test make its directory anew: the noon of the one before may have been later."""
    return make_settled()


@pytest.fixture(autouse=True)
def noon():
    """Let it be noon: the day that counts must not end in the middle of a test."""
    with time_machine.travel(timezone.now().replace(hour=12), tick=True):
        yield


def worked(made, *, minutes, day=0):
    """Let workers have been at the run for so long."""
    with tenancy.of(made.organization_id):
        Run.objects.filter(pk=made.pk).update(
            worked_seconds=minutes * 60,
            worked_today_seconds=minutes * 60,
            worked_day=timezone.now().date() - timedelta(days=day),
        )


def fresh(made):
    with tenancy.of(made.organization_id):
        return Run.objects.select_related("directory").get(pk=made.pk)


def pages(people):
    """Have the directory say one person a page, each with its checkpoint."""
    return [
        *(Page([one], checkpoint={"page": place + 1}) for place, one in enumerate(people)),
        Page(end=End(whole=True)),
    ]


def test_a_workers_time_is_counted_to_the_run(hr):
    made = run(hr)
    assert 0 < made.worked_seconds < 60
    assert made.worked_today_seconds == made.worked_seconds
    assert made.worked_day == timezone.now().date()


def test_a_directory_whose_day_is_spent_waits_and_goes_on_from_where_it_is(acme, ada, hr, script):
    script.pages = pages(crowd(10))
    made = sync_runs.ask(hr.directory, actor=SETUP)
    assert work.turn(made.organization_id, made.pk, seconds=0)
    worked(made, minutes=240)
    before = len(events(acme))
    made = go_on(made)
    assert (made.state, made.fault, made.checkpoint, made.lease) == (
        "fetching",
        "day_spent",
        {"page": 1},
        None,
    )
    assert "240 minutes" in made.fault_sentence
    assert "from where it is" in made.fault_sentence
    assert timedelta(0) < made.due_at - timezone.now() <= timedelta(hours=1)
    assert (events(acme, before), made.told) == (["sync.postpone"], ["ada@acme.example"])
    with tenancy.of(acme):
        assert "time for today is used up" in OutgoingMail.objects.latest("created_at").subject
    with later_on(minutes=61):
        made = go_on(made)
        assert (made.fault, events(acme, before)) == ("day_spent", ["sync.postpone"]), "told once"
    with later_on(days=1):
        made = go_on(made)
    assert (made.state, made.fault, made.staged) == ("done", "", 10)
    assert script.asked[-1][0] == {"page": 1}


def test_a_larger_budget_lets_it_go_on_today(hr, script):
    script.pages = pages(crowd(10))
    made = sync_runs.ask(hr.directory, actor=SETUP)
    worked(made, minutes=240)
    assert go_on(made).fault == "day_spent"
    directories.change(hr.directory, settings={"day_minutes": 300}, actor=ADA)
    with later_on(minutes=61):
        assert go_on(made).state == "done"


def test_the_days_of_other_directories_are_their_own(hr, acme, script):
    other = pull_of(acme, "Other")
    listing(person("x"))
    settle(other, ADA)
    made = sync_runs.ask(hr.directory, actor=SETUP)
    worked(made, minutes=240)
    listing(*crowd(10))
    assert go_on(made).fault == "day_spent"
    listing(person("x"))
    assert run(other).state == "done"


def test_an_earlier_run_of_the_day_counts_and_one_of_yesterday_does_not(hr):
    earlier = run(hr)
    worked(earlier, minutes=240, day=1)
    assert run(hr).state == "done"
    worked(earlier, minutes=240)
    made = run(hr)
    assert (made.state, made.fault) == ("waiting", "day_spent")


def test_a_run_that_takes_more_than_a_run_may_ends_with_a_sentence(acme, hr, script):
    script.pages = pages(crowd(10))
    made = sync_runs.ask(hr.directory, actor=SETUP)
    assert work.turn(made.organization_id, made.pk, seconds=0)
    worked(made, minutes=720, day=1)
    made = go_on(made)
    assert (made.state, made.fault) == ("failed", "run_spent")
    assert "run_minutes" in made.fault_sentence
    assert set(states(hr).values()) == {"active"}
    assert "sync.fail" in events(acme)


def test_what_can_only_be_read_in_one_go_is_cut_off_in_the_middle(hr, script):
    """No checkpoint, and no end: without the budget a worker would never come back."""

    class Endless(list):
        def __getitem__(self, part):
            def say():
                number = 0
                while True:
                    number += 1
                    yield Page([person(f"e{number}")])

            return say()

    script.pages = Endless()
    made = sync_runs.ask(hr.directory, actor=SETUP)
    worked(made, minutes=239.95)  # three seconds are left: enough to stage something on a busy machine
    made = go_on(made)
    assert (made.state, made.fault) == ("failed", "run_spent")
    assert "in one go" in made.fault_sentence
    assert made.staged > 0


def test_applying_stops_at_the_end_of_the_day_too_and_goes_on(hr, script):
    listing(*crowd(4), *[person(f"p{place:02}", active=False) for place in range(4, 10)])
    held = run(hr)
    worked(held, minutes=240)
    waits = approved(held, ADA)
    assert (waits.state, waits.fault, waits.applied) == ("applying", "day_spent", 0)
    with later_on(days=1):
        assert (go_on(waits).state, fresh(waits).applied) == ("done", 6)


def test_what_was_met_on_the_way_is_no_longer_told_once_it_is_over(hr, script):
    script.pages = [RateLimited("Slower.", 5)]
    made = run(hr)
    assert made.fault == "rate_limited"
    listing(*crowd(10))
    with later_on(hours=1):
        made = go_on(made)
    assert (made.state, made.fault, made.fault_sentence) == ("done", "", "")


def test_a_claim_that_was_lost_counts_nothing_more(hr):
    made = sync_runs.ask(hr.directory, actor=SETUP)
    mine = claim.take(made.organization_id, made.pk)
    sync_runs.cancel(made, actor=ADA)
    mine.release()
    assert (fresh(made).state, fresh(made).worked_seconds) == ("cancelled", 0)
