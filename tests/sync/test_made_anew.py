"""Somebody deleted in the directory and made anew: the same name under another id, which no machine can tell from an heir."""

import pytest

from identity import members, moves
from identity.move_plan import Wanted
from tests.sync.conftest import ADA
from tests.sync.scripted import crowd, in_group, listing, member_of, person, run, states, steps


@pytest.fixture
def made_anew(hr):
    """Give the member whose id the directory no longer has; it says their name of another one."""
    former = member_of(hr, "p09")
    listing(*crowd(9), person("q09", "p09@acme.example"), groups=[("traders", ["q09"])])
    assert ("skip", "user_name_taken") in steps(run(hr), "action", "reason")
    assert run(hr).counts == {"suspend": 1, "skipped": {"user_name_taken": 1}}
    return former


def test_said_to_be_the_same_they_are_met_under_the_new_id(hr, acme, made_anew):
    moves.move(hr.directory, hr.directory, Wanted({made_anew.pk: "q09"}), actor=ADA)
    members.reactivate(made_anew, actor=ADA)
    assert run(hr).counts == {"link": 1, "members": 1}
    assert member_of(hr, "q09") == made_anew
    assert (states(hr)["q09"], in_group(acme, "Traders")) == ("active", ["q09"])
    assert run(hr).counts == {}


def test_once_the_former_is_offboarded_the_heir_of_the_name_comes_in_without_their_access(
    hr, acme, made_anew
):
    members.offboard(made_anew, actor=ADA, reason="left")
    assert run(hr).counts == {"create": 1, "members": 1}
    assert member_of(hr, "q09") != made_anew
    assert (states(hr)["p09"], states(hr)["q09"]) == ("offboarded", "active")
    assert run(hr).counts == {}
