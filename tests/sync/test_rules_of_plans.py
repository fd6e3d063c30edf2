"""The rules of safe reconciliation about what is held, approved, told and stopped: 3 to 6."""

import pytest

from audit.record import Actor
from identity import (
    directories,
    members,
    pulls,
    sync_runs,
    tenancy,
)
from identity.errors import Conflict, Forbidden
from identity.models import OutgoingMail
from tests.conftest import SETUP, later_on
from tests.sync.conftest import ADA
from tests.sync.scripted import (
    approved,
    crowd,
    events,
    in_group,
    listing,
    member_of,
    out,
    person,
    pull_of,
    run,
    settle,
    states,
    steps,
)

# --- 3: the guard --------------------------------------------------------------------------------------


def test_3_more_than_five_and_ten_percent_are_held(hr, script):
    listing(*crowd(4), *[person(f"p{place:02}", active=False) for place in range(4, 10)])
    made = run(hr)
    assert (made.state, [reason["code"] for reason in made.held_for]) == ("held", ["removals"])
    assert out(hr) == []
    made = approved(made, ADA)
    assert (made.state, len(out(hr))) == ("done", 6)


def test_3_up_to_five_leave_without_a_question(hr):
    listing(*crowd(5), *[person(f"p{place:02}", active=False) for place in range(5, 10)])
    assert run(hr).state == "done"
    assert len(out(hr)) == 5


def test_3_the_part_counts_in_a_large_directory(acme, script):
    pull = pull_of(acme)
    listing(*crowd(80))
    settle(pull, ADA)
    listing(*crowd(72), *[person(f"p{place}", active=False) for place in range(72, 80)])
    assert run(pull).state == "done"
    listing(*crowd(64), *[person(f"p{place}", active=False) for place in range(64, 80)])
    assert run(pull).state == "held", "eight of seventy-two are more than a tenth"


def test_3_a_few_of_each_run_are_many_together(hr):
    def leaving(number):
        listing(
            *crowd(10 - number), *[person(f"p{place:02}", active=False) for place in range(10 - number, 10)]
        )
        return run(hr)

    assert [leaving(3).state, leaving(5).state] == ["done", "done"]
    made = leaving(6)
    assert (made.state, [reason["code"] for reason in made.held_for]) == ("held", ["removals"])
    assert "1 of 5 active people would be suspended, after 5 within a day" in made.held_for[0]["sentence"]
    assert len(out(hr)) == 5
    # Who approves has seen them all: the next five need no question.
    assert approved(made, ADA).state == "done"
    assert leaving(10).state == "done"
    assert len(out(hr)) == 10


def test_3_who_left_more_than_a_day_ago_counts_no_more(hr):
    listing(*crowd(5), *[person(f"p{place:02}", active=False) for place in range(5, 10)])
    assert run(hr).state == "done"
    listing(*crowd(1), *[person(f"p{place:02}", active=False) for place in range(1, 10)])
    with later_on(days=1, minutes=1):
        assert run(hr).state == "done"
    assert len(out(hr)) == 9


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"title": "Nobody"}, "storm"),
        ({"name": {"familyName": "Same"}}, "storm"),
        ({"emails": []}, "storm"),
    ],
)
def test_3_an_attribute_storm_is_held(hr, change, code):
    listing(*crowd(10, **change))
    made = run(hr)
    assert (made.state, [reason["code"] for reason in made.held_for]) == ("held", [code])


def test_3_everybody_renamed_is_held(hr):
    listing(*[person(f"p{place:02}", f"q{place:02}@acme.example") for place in range(10)])
    made = run(hr)
    assert (made.state, [reason["code"] for reason in made.held_for]) == ("held", ["renames"])
    assert member_of(hr, "p00").user_name == "p00@acme.example"


def test_3_different_values_are_no_storm(hr):
    listing(*[person(f"p{place:02}", title=f"Title {place}") for place in range(10)])
    assert run(hr).state == "done"


@pytest.mark.parametrize(
    ("before", "after", "codes"),
    [
        (3, {"removed_groups": ["team"]}, ["emptied"]),
        (2, {"groups": [("team", [])]}, []),
        (3, {"groups": [("team", ["p02"])]}, []),
        (3, {"groups": [("team", ["p09"])]}, []),
    ],
)
def test_3_a_group_of_three_is_lost_or_it_is_no_question(hr, before, after, codes):
    listing(*crowd(10), groups=[("team", [one.external_id for one in crowd(before)])])
    run(hr)
    listing(*crowd(10), **after)
    assert [reason["code"] for reason in run(hr).held_for] == codes


def test_3_a_group_that_would_lose_everybody_is_held(hr, acme):
    listing(*crowd(10), groups=[("team", ["p00", "p01", "p02"])])
    run(hr)
    listing(*crowd(10), groups=[("team", [])])
    made = run(hr)
    assert (made.state, [reason["code"] for reason in made.held_for]) == ("held", ["emptied"])
    assert in_group(acme, "Team") == ["p00", "p01", "p02"]
    approved(made, ADA)
    assert in_group(acme, "Team") == []


def test_3_what_is_not_in_question_goes_on_where_that_is_wished(hr):
    directories.change(hr.directory, actor=SETUP, settings={"when_held": "proceed"})
    listing(person("new"), *crowd(3), *[person(f"p{place:02}", active=False) for place in range(3, 10)])
    made = run(hr)
    assert (made.state, made.applied, "new" in states(hr), out(hr)) == ("held", 1, True, [])
    made = approved(made, ADA)
    assert (made.state, made.applied, len(out(hr))) == ("done", 8, 7)


# --- 4: approval approves one plan ---------------------------------------------------------------------


def test_4_another_plan_is_not_approved(held):
    with pytest.raises(Conflict):
        sync_runs.approve(held, "0" * 64, actor=ADA)


@pytest.mark.parametrize("kind", ["job", "directory", "connection", "anonymous", ""])
def test_4_only_a_person_approves(held, kind):
    with pytest.raises(Forbidden):
        sync_runs.approve(held, held.plan_hash, actor=Actor(kind, "x", "x"))


def test_4_an_approval_is_once_and_names_the_person(held):
    made = approved(held, ADA)
    assert (made.approved_by["label"], made.state) == ("Ada Admin", "done")
    with pytest.raises(Conflict):
        sync_runs.approve(held, held.plan_hash, actor=ADA)


def test_4_a_plan_grows_old_in_a_day(held, hr):
    with later_on(hours=25):
        with pytest.raises(Conflict, match="24 hours"):
            sync_runs.approve(held, held.plan_hash, actor=ADA)
        assert sync_runs.expire(held, actor=SETUP)
        assert not sync_runs.expire(held, actor=SETUP)
    assert out(hr) == []


def test_4_a_plan_made_by_other_settings_is_not_approved(held, hr):
    directories.change(hr.directory, settings={"filter": "others"}, actor=SETUP)
    with pytest.raises(Conflict, match="settings"):
        sync_runs.approve(held, held.plan_hash, actor=ADA)
    directories.change(hr.directory, settings={}, actor=SETUP)
    assert approved(held, ADA).state == "done"


def test_4_a_plan_of_a_directory_that_was_switched_off_is_not_approved(held, hr):
    directories.change(hr.directory, active=False, actor=SETUP)
    with pytest.raises(Conflict, match="switched off"):
        sync_runs.approve(held, held.plan_hash, actor=ADA)
    assert out(hr) == []


def test_4_a_newer_run_takes_the_place_of_the_held_one(held, hr):
    newer = run(hr)
    assert (newer.state, newer.plan_hash) == ("held", held.plan_hash)
    with pytest.raises(Conflict, match="newer"):
        sync_runs.approve(held, held.plan_hash, actor=ADA)
    assert approved(newer, ADA).state == "done"


def test_4_a_newer_run_without_a_question_takes_the_place_of_the_held_one_too(held, hr):
    # The directory was cut off for an hour, and whoever reads the mail the next morning approves what it said then.
    listing(*crowd(10))
    assert run(hr).state == "done"
    with pytest.raises(Conflict, match="newer"):
        sync_runs.approve(held, held.plan_hash, actor=ADA)
    assert out(hr) == []


def test_4_a_dry_run_leaves_the_held_one_waiting(held, hr):
    listing(*crowd(10))
    assert run(hr, dry_run=True).state == "previewed"
    assert approved(held, ADA).applied == 6


def test_4_the_hash_says_exactly_what_would_happen(held, hr):
    listing(*crowd(3), *[person(f"p{place:02}", active=False) for place in range(3, 10)])
    assert run(hr).plan_hash != held.plan_hash


# --- 5: say exactly what happened ----------------------------------------------------------------------


def test_5_a_held_run_says_what_why_and_who_was_told(acme, ada, hr):
    listing(*crowd(4), *[person(f"p{place:02}", active=False) for place in range(4, 10)])
    made = run(hr)
    assert made.told == ["ada@acme.example"]
    with tenancy.of(acme):
        mail = OutgoingMail.objects.filter(kind="sync_run").latest("created_at")
    assert "6 of 10 active people would be suspended" in mail.body
    assert {(action, key) for action, key, _ in steps(made)} == {
        ("suspend", f"p{place:02}") for place in range(4, 10)
    }
    before = len(events(acme))
    run(hr)
    assert events(acme, before) == ["sync.ask"], "the same plan again is no news"


def test_5_operators_hear_of_a_held_run_where_no_administrator_can(acme, ada, opal, hr):
    members.suspend(ada, actor=SETUP, reason="test")
    listing(*crowd(4), *[person(f"p{place:02}", active=False) for place in range(4, 10)])
    assert run(hr).told == [], "an operator's address is nothing to the organization"
    with tenancy.of(opal.organization):
        assert OutgoingMail.objects.get(kind="sync_run").to == "opal@rollcall.example"


# --- 6: first run and changed scope --------------------------------------------------------------------


def test_6_the_first_run_is_looked_at(acme, script):
    pull = pull_of(acme)
    listing(*crowd(3))
    made = run(pull)
    assert (made.state, states(pull)) == ("held", {})
    assert settle(pull, ADA).state == "done"
    assert len(states(pull)) == 3


def test_6_a_changed_scope_is_looked_at_and_shows_who_falls_out(hr):
    directories.change(hr.directory, actor=SETUP, settings={"filter": "only two"})
    listing(*crowd(8))
    made = run(hr)
    assert (made.state, [reason["code"] for reason in made.held_for]) == ("held", ["scope_changed"])
    assert [step[:2] for step in steps(made)] == [("suspend", "p08"), ("suspend", "p09")]
    assert out(hr) == []
    approved(made, ADA)
    assert out(hr) == ["p08", "p09"]


def test_6_a_setting_that_says_nothing_about_the_scope_changes_nothing(hr):
    directories.change(hr.directory, actor=SETUP, settings={"colour": "red"})
    assert run(hr).state == "done"


def test_a_cancelled_run_stops_where_it_is(hr, held):
    assert sync_runs.cancel(held, actor=ADA).state == "cancelled"
    assert sync_runs.cancel(held, actor=ADA).state == "cancelled"
    with pytest.raises(Conflict):
        sync_runs.approve(held, held.plan_hash, actor=ADA)
    assert out(hr) == []
    done = run(hr)
    approved(done, ADA)
    with pytest.raises(Conflict, match="over"):
        sync_runs.cancel(done, actor=ADA)


def test_a_paused_directory_is_not_read_until_it_is_resumed(hr, acme):
    pulls.pause(hr, actor=ADA)
    with later_on(hours=2):
        assert sync_runs.start_due(acme.pk, hr.pk, actor=SETUP) is None
        pulls.resume(hr, actor=ADA)
        assert sync_runs.start_due(acme.pk, hr.pk, actor=SETUP) is not None


def test_a_dry_run_only_plans(hr):
    listing(*crowd(9), person("p09", active=False))
    made = run(hr, dry_run=True)
    assert (made.state, made.counts, out(hr)) == ("previewed", {"suspend": 1}, [])
