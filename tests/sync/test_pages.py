"""Pages: read one ahead, staged once, the last word counts, and a group of many takes several turns."""

import threading
from contextlib import closing
from dataclasses import replace

import pytest

from identity import groups, sync_runs, tenancy
from identity.models import Group
from tasks.connectors.faults import Unreachable
from tasks.connectors.interface import End, Page
from tasks.connectors.interface import Group as Told
from tasks.connectors.interface import Membership as Belongs
from tasks.models import StagedGroup, StagedMembership, StagedPage, StagedPerson
from tasks.sync import ahead, group_steps
from tests.sync.conftest import ADA
from tests.sync.scripted import (
    approved,
    crowd,
    go_on,
    in_group,
    listing,
    person,
    pull_of,
    run,
    settle,
    states,
    steps,
)
from tests.waiting import PATIENCE


def test_pages_come_in_their_order_and_a_fault_in_its_turn():
    def pages():
        yield Page(removed=["1"])
        yield Page(removed=["2"])
        raise Unreachable("Broken off.")

    came = []
    with closing(ahead.read(pages())) as read, pytest.raises(Unreachable):
        came.extend(page.removed for page in read)
    assert came == [["1"], ["2"]]


def test_the_next_page_is_read_while_one_is_kept():
    asked = threading.Event()

    def pages():
        yield Page(removed=["1"])
        asked.set()
        yield Page(removed=["2"])

    with closing(ahead.read(pages())) as read:
        next(read)
        assert asked.wait(PATIENCE)


def test_whoever_stops_early_closes_the_connector():
    closed = []

    def pages():
        try:
            while True:
                yield Page()
        finally:
            closed.append(True)

    with closing(ahead.read(pages())) as read:
        next(read)
    assert closed == [True]


def test_a_run_without_news_stages_lists_and_no_rows(hr, acme, script):
    listing(*crowd(10), groups=[("team", ["p00", "p01"])])
    run(hr)
    script.pages = [replace(script.pages[0], end=None), Unreachable("Broken off.")]
    run(hr)
    with tenancy.of(acme):
        assert (StagedPerson.objects.count(), StagedMembership.objects.count()) == (0, 0)
        assert (StagedPage.objects.count(), StagedGroup.objects.count()) == (1, 1)
        [staged] = StagedPage.objects.all()
        assert (staged.seen, staged.groups, staged.departures) == (
            [each.external_id for each in crowd(10)],
            ["team", "team"],
            [],
        )


def test_the_last_word_about_a_person_counts(hr, script):
    old, new = person("p09"), person("p09", title="New")
    script.pages = [Page(crowd(9)), Page([new]), Page([old]), Page(end=End(whole=True))]
    assert run(hr).counts == {}
    script.pages = [Page(crowd(9)), Page([old]), Page([new]), Page(end=End(whole=True))]
    assert run(hr).counts == {"update": 1}
    script.pages = [Page(crowd(9)), Page([new]), Page(removed=["p09"]), Page(end=End(whole=True))]
    assert run(hr).counts == {"suspend": 1}
    script.pages = [Page(removed=["p09"]), Page([*crowd(9), new], end=End(whole=True))]
    assert run(hr).counts == {"reactivate": 1}
    assert states(hr)["p09"] == "active"


def test_a_page_that_comes_twice_counts_once(hr, script):
    page = Page(crowd(10), [Told("team", "Team")], [Belongs("team", "p00")])
    script.pages = [page, page, Page(end=End(whole=True))]
    made = run(hr)
    assert (made.staged, made.counts) == (10, {"group_create": 1, "members": 1})
    script.pages = [page, page, Page(end=End(whole=True))]
    assert run(hr).counts == {}


@pytest.mark.parametrize(
    ("words", "members"),
    [
        ([True, False], []),
        ([False, True], ["p00"]),
        ([True, False, True], ["p00"]),
        ([False, True, False], []),
    ],
)
@pytest.mark.parametrize("begins_inside", [True, False])
@pytest.mark.parametrize("pages", [True, False])
def test_the_last_word_about_a_membership_counts(hr, acme, script, words, members, begins_inside, pages):
    listing(*crowd(10), groups=[("team", ["p00"] if begins_inside else [])])
    run(hr)
    said = [Belongs("team", "p00", present) for present in words]
    team = Told("team", "Team", "changes")
    script.pages = [Page(groups=[team], memberships=[each]) for each in said] if pages else []
    script.pages += [Page(groups=[team], memberships=[] if pages else said, end=End(whole=False))]
    made = run(hr)
    assert (made.state, in_group(acme, "Team")) == ("done", members)
    assert made.counts == ({} if bool(members) == begins_inside else {"members": 1})


def test_a_group_renamed_within_one_reading_has_its_last_name(hr, acme, script):
    script.pages = [Page([], [Told("team", name)]) for name in ("One", "Two", "One", "Three")]
    script.pages += [Page(crowd(10), end=End(whole=True))]
    run(hr)
    with tenancy.of(acme):
        assert Group.objects.get().display_name == "Three"


def test_groups_of_many_take_several_turns(acme, script, monkeypatch):
    monkeypatch.setattr(group_steps, "MOVES", 7)
    pull = pull_of(acme)
    everybody = [f"p{place:02}" for place in range(20)]
    listing(
        *crowd(20), groups=[("all", everybody), ("few", everybody[:3]), ("none", []), ("some", everybody[:9])]
    )
    made = settle(pull, ADA)
    assert (made.state, made.skipped) == ("done", 0)
    assert in_group(acme, "All") == everybody
    assert (in_group(acme, "Few"), in_group(acme, "Some")) == (everybody[:3], everybody[:9])
    listing(*crowd(20), groups=[("all", ["p00"]), ("few", everybody), ("none", []), ("some", [])])
    made = approved(run(pull), ADA)
    assert (made.state, made.counts) == ("done", {"members": 3})
    assert (in_group(acme, "All"), in_group(acme, "Some")) == (["p00"], [])
    assert in_group(acme, "Few") == everybody


def test_one_refused_group_holds_up_no_other(hr, acme):
    names = [f"g{place}" for place in range(8)]
    listing(*crowd(10), groups=[(name, ["p00"]) for name in names])
    run(hr)
    with tenancy.of(acme):
        gone = Group.objects.get(external_id="g3")
    listing(*crowd(10), groups=[(name, ["p00", "p01"]) for name in names])
    made = run(hr, dry_run=True)
    assert made.counts == {"members": 8}
    planned = sync_runs.ask(hr.directory, actor=ADA)
    groups.delete(gone, actor=ADA)
    assert go_on(planned).counts == {"group_create": 1, "members": 8}
    twin = [("g8", []), ("G8", [])]
    listing(*crowd(10), groups=[*[(name, ["p00", "p01"]) for name in names], *twin])
    made = run(hr)
    assert made.skipped == 1
    assert ("group_create", "g8", "skipped", "name_taken") in steps(
        made, "action", "external_id", "state", "reason"
    )


def test_a_membership_that_cannot_be_kept_is_unreadable(hr, acme, script):
    script.pages = [
        Page(crowd(10), [Told("team", "Team")], [Belongs("team", "p00"), Belongs("team", "p\0"), Belongs("team", "\udc80")],
             end=End(whole=True))
    ]  # fmt: skip
    made = run(hr)
    assert [lack["code"] for lack in made.lacks] == ["unreadable"]
    assert in_group(acme, "Team") == ["p00"]
