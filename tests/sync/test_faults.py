"""A directory that refuses, is silent, asks to wait or has forgotten: what becomes of the run."""

from datetime import timedelta

import pytest
from django.utils import timezone

from identity import sync_runs, tenancy
from identity.models import Pull, Run
from tasks.connectors.faults import Misconfigured, RateLimited, ResyncNeeded, Unauthorized, Unreachable
from tasks.connectors.interface import End, Page
from tasks.sync import claim, work
from tests.conftest import SETUP, later_on
from tests.sync.scripted import crowd, events, go_on, listing, person, run, states


@pytest.mark.parametrize(
    "fault", [Unauthorized("The token is refused."), Misconfigured("The base leads nowhere.")]
)
def test_what_somebody_must_mend_ends_the_run_and_is_told_once(acme, ada, hr, script, fault):
    script.pages = [Page(crowd(3)), fault]
    made = run(hr)
    assert (made.state, made.fault, made.told) == ("failed", fault.code, ["ada@acme.example"])
    again = run(hr)
    assert (again.state, again.told) == ("failed", [])
    assert set(states(hr).values()) == {"active"}
    with tenancy.of(acme):
        pull = Pull.objects.get()
        assert pull.failures == 2
        assert pull.due_at - timezone.now() > timedelta(minutes=100), "more seldom each time"
    assert events(acme).count("sync.fail") == 2
    listing(*crowd(10))
    assert run(hr).state == "done"
    with tenancy.of(acme):
        assert Pull.objects.get().failures == 0


def test_a_directory_that_asks_to_wait_is_waited_for(hr, script):
    script.pages = [RateLimited("Slower.", 900)]
    made = run(hr)
    assert (made.state, made.fault, made.attempts) == ("fetching", "rate_limited", 1)
    wait = (made.due_at - timezone.now()).total_seconds()
    assert 880 < wait < 910
    assert claim.take(made.organization_id, made.pk) is None


@pytest.mark.parametrize("before", [[], [Page(crowd(5))], [Page(crowd(5), checkpoint={"page": 0})]])
@pytest.mark.parametrize("fault", [Unreachable("Nothing."), RateLimited("Slower.", 1)])
def test_a_directory_that_lets_nobody_come_further_is_given_up_in_the_end(hr, script, fault, before):
    script.pages = [*before, fault]
    made = run(hr)
    for turn in range(10):
        with later_on(hours=2 * turn + 2):
            made = go_on(made)
        if not made.is_open:
            break
    assert (made.state, made.fault, made.attempts) == ("failed", fault.code, 8)


def test_a_turn_does_not_end_where_it_began(hr, script):
    # A connector may repeat the checkpoint before what takes long: a page of groups, each with its members.
    script.pages = [
        *[Page([one], checkpoint={"page": 0}) for one in crowd(6)],
        Page(crowd(10), end=End(whole=True)),
    ]
    made = sync_runs.ask(hr.directory, actor=SETUP)
    turns = 0
    while turns < 5 and work.turn(made.organization_id, made.pk, seconds=0):
        turns += 1
    with tenancy.of(hr.organization_id):
        assert Run.objects.get(pk=made.pk).state == "done"


def test_a_cookie_the_directory_forgot_means_reading_everything(hr, script):
    listing(*crowd(10), cookie={"since": 1})
    run(hr)
    with tenancy.of(hr.organization_id):
        assert Pull.objects.get().cookie == {"since": 1}
    script.pages = [ResyncNeeded("Too old.")]
    made = sync_runs.ask(hr.directory, actor=SETUP)
    assert work.turn(made.organization_id, made.pk, seconds=60)
    listing(*crowd(10), cookie={"since": 2})
    assert go_on(made).state == "done"
    assert [asked[1] for asked in script.asked[-2:]] == [{"since": 1}, None]
    with tenancy.of(hr.organization_id):
        assert Pull.objects.get().cookie == {"since": 2}


@pytest.mark.parametrize("cookie", [None, {"since": 1}])
def test_a_directory_that_forgets_its_pages_each_time_is_not_read_for_ever(hr, script, cookie):
    listing(*crowd(10), cookie=cookie)
    run(hr)
    script.asked.clear()
    script.pages = [Page(crowd(5), checkpoint={"page": 1}), ResyncNeeded("Too old.")]
    made = run(hr)
    assert (made.state, made.fault) == ("failed", "resync_needed")
    # From the cookie or the first page on, and once more from the first page.
    assert [asked[:2] for asked in script.asked] == [
        (None, cookie),
        *[(None, None)] * (1 if cookie is None else 2),
    ]


def test_the_cookie_stays_where_something_was_left_undone(hr, acme, jane):
    listing(*crowd(10), person("x", "jane@acme.example"), cookie={"since": 1})
    assert run(hr).skipped == 1
    with tenancy.of(acme):
        assert Pull.objects.get().cookie is None, "whoever was skipped would not be told again"
