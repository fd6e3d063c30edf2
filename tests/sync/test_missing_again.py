"""Whoever a complete listing lacked is looked for once more, also where a directory tells changes alone or its file stays the same.

So are the groups of whoever came in by changes alone.
"""

import pytest
from django.utils import timezone

from identity import members, pulls, tenancy
from identity.models import Group, Member, Run
from tasks.sync import plan
from tests.conftest import SETUP, later_on
from tests.sync import scripted
from tests.sync.conftest import ADA
from tests.sync.scripted import (
    crowd,
    in_group,
    listing,
    member_of,
    person,
    pull_of,
    run,
    settle,
    states,
    steps,
)
from tests.sync.test_work import MAPPING


def file_of(*numbers, team="all"):
    rows = "".join(f"{number},u{number},{team}\n" for number in numbers)
    return f"No,Login,Teams\n{rows}".encode()


def test_a_file_that_stays_the_same_is_a_listing_each_time_while_somebody_is_missing(acme, script):
    pull = pulls.create(acme, kind="csv", name="HR", settings={"mapping": MAPPING}, actor=SETUP)
    pulls.put_file(pull, file_of(*range(10)), "hr.csv", actor=SETUP)
    settle(pull, ADA)
    pulls.put_file(pull, file_of(*range(9)), "hr.csv", actor=SETUP)
    assert run(pull).counts == {}
    again = run(pull)
    assert (again.whole, again.counts) == (True, {"suspend": 1})
    assert states(pull)["9"] == "suspended"
    # From then on nothing is to be looked for, and the file is not read.
    assert (run(pull).whole, run(pull).staged) == (False, 0)


def test_so_is_a_file_that_lacks_a_group(acme, script):
    pull = pulls.create(acme, kind="csv", name="HR", settings={"mapping": MAPPING}, actor=SETUP)
    pulls.put_file(pull, file_of(1, team="board"), "hr.csv", actor=SETUP)
    settle(pull, ADA)
    pulls.put_file(pull, file_of(1, team=""), "hr.csv", actor=SETUP)
    assert run(pull).counts == {}
    assert run(pull).counts == {"group_end": 1}
    with tenancy.of(acme):
        assert not Group.objects.filter(ended_at=None).exists()
    assert run(pull).whole is False


def test_a_directory_that_tells_changes_alone_is_read_as_a_whole_again(acme, script):
    pull = pull_of(acme)
    listing(*crowd(10), cookie={"delta": 1})
    settle(pull, ADA)
    # It was read anew, as after a cookie that it no longer knew, and somebody was not there.
    with tenancy.of(acme):
        pull.cookie = None
        pull.save(update_fields=["cookie"])
    listing(*crowd(9), cookie={"delta": 2})
    assert run(pull).counts == {}
    assert run(pull).counts == {"suspend": 1}
    assert script.asked[-1][1] is None
    listing(whole=False, cookie={"delta": 3})
    run(pull)
    assert script.asked[-1][1] == {"delta": 2}


def test_whoever_is_out_here_already_is_not_looked_for(acme, script):
    pull = pull_of(acme)
    listing(*crowd(10), cookie={"delta": 1})
    settle(pull, ADA)
    with tenancy.of(acme):
        pull.cookie = None
        pull.save(update_fields=["cookie"])
        gone = Member.objects.get(user_name="p09@acme.example")
    listing(*crowd(9), cookie={"delta": 2})
    run(pull)
    members.offboard(gone, actor=SETUP)
    run(pull)
    assert script.asked[-1][1] == {"delta": 2}


def test_whoever_was_removed_there_while_they_changed_here_goes_out_by_the_next_listings(
    acme, script, monkeypatch
):
    pull = pull_of(acme)
    listing(*crowd(10), cookie={"delta": 1})
    settle(pull, ADA)
    leaver, planned = member_of(pull, "p09"), plan.plan

    def plan_and_change(claim):
        planned(claim)
        members.change(leaver, profile={**leaver.profile, "title": "Clerk"}, actor=ADA)

    monkeypatch.setattr(plan, "plan", plan_and_change)
    listing(removed=["p09"], whole=False, cookie={"delta": 2})
    made = run(pull)
    assert steps(made, "external_id", "state", "reason") == [("p09", "skipped", "changed_since")]
    monkeypatch.undo()
    scripted.install(monkeypatch)
    # Read as a whole, a directory of changes tells nothing of whom it no longer has.
    listing(*crowd(9), cookie={"delta": 3})
    assert [run(pull).counts for _ in range(2)] == [{}, {"suspend": 1}]
    assert states(pull)["p09"] == "suspended"


def test_whoever_was_in_a_group_before_they_came_by_changes_gets_into_it(acme, script):
    """An account is made before the first day, disabled and with its groups, of which its activation says nothing."""
    pull = pull_of(acme)
    team = ("team", ["p00", "new"])
    listing(*crowd(10), person("new", active=False), groups=[team], cookie={"delta": 1})
    settle(pull, ADA)
    listing(person("new"), whole=False, cookie={"delta": 2})
    with later_on(hours=2):
        assert run(pull).counts == {"create": 1}
        listing(*crowd(10), person("new"), groups=[team], cookie={"delta": 3})
        assert run(pull).counts == {"members": 1}
        assert (script.asked[-1][1], in_group(acme, "Team")) == (None, ["new", "p00"])
        listing(whole=False, cookie={"delta": 4})
        run(pull)
    assert script.asked[-1][1] == {"delta": 3}


@pytest.mark.parametrize(("worked", "asked"), [(300, None), (400, {"delta": 2})])
def test_a_large_directory_is_not_read_as_a_whole_with_each_newcomer(acme, script, worked, asked):
    pull = pull_of(acme)
    listing(*crowd(10), cookie={"delta": 1})
    settle(pull, ADA)
    with tenancy.of(acme):
        Run.objects.filter(whole=True).update(worked_seconds=worked, fetched_at=timezone.now())
    listing(person("new"), whole=False, cookie={"delta": 2})
    run(pull)
    with later_on(hours=2):
        run(pull)
    assert script.asked[-1][1] == asked
