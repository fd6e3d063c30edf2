"""The rules of safe reconciliation about what was read, and what it means that somebody was not: 1, 2, 7, 11 and 12."""

import pytest
from django.db import connection

from identity import access, directories, mappings, members, sync_runs, tenancy
from identity.models import Group, Member, Run
from tasks.connectors.faults import Unreachable
from tasks.connectors.interface import End, Page, Unreadable
from tests.conftest import SETUP, later_on, scim_client
from tests.sync.conftest import ADA
from tests.sync.scripted import (
    approved,
    crowd,
    events,
    go_on,
    in_group,
    listing,
    member_of,
    out,
    person,
    run,
    steps,
)

# --- 1: three phases, resumable ------------------------------------------------------------------------


def test_1_a_fetch_that_broke_goes_on_behind_its_checkpoint(hr, script):
    people = crowd(10)
    script.pages = [
        Page(people[:5], checkpoint={"page": 1}),
        Unreachable("The line broke."),
    ]
    made = run(hr)
    assert (made.state, made.fault, made.lease, made.attempts) == ("fetching", "unreachable", None, 1)
    script.pages = [None, Page(people[5:], end=End(whole=True))]
    with later_on(hours=2):
        made = go_on(made)
    assert (made.state, made.staged, made.lacks) == ("done", 10, [])
    assert [asked[0] for asked in script.asked[-2:]] == [None, {"page": 1}]


def test_1_without_a_checkpoint_everything_is_read_again(hr, script):
    script.pages = [Page(crowd(5)), Unreachable("The line broke.")]
    made = run(hr)
    listing(*crowd(10))
    with later_on(hours=2):
        made = go_on(made)
    assert (made.state, made.staged, made.counts) == ("done", 10, {})


# --- 2: no removal from an incomplete fetch ------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "pages"),
    [
        ("incomplete", lambda: [Page(crowd(9), end=End(whole=True, incomplete="A part is missing."))]),
        ("incomplete", lambda: [Page(crowd(9))]),
        ("unreadable", lambda: [Page(crowd(9), unreadable=[Unreadable("line 3", "?")], end=End(whole=True))]),
        ("unreadable", lambda: [Page([*crowd(9), person("x", "n" * 3000)], end=End(whole=True))]),
        ("unreadable", lambda: [Page([*crowd(9), person("x", title="a\0b")], end=End(whole=True))]),
        ("empty", lambda: [Page(end=End(whole=True))]),
        ("too_few", lambda: [Page(crowd(9)), Page(crowd(9), end=End(whole=True, people=10))]),
        ("status_unknown", lambda: [Page([*crowd(9), person("x", active=None)], end=End(whole=True))]),
    ],
)
def test_2_an_incomplete_listing_removes_nobody(hr, script, code, pages):
    for _ in range(3):
        script.pages = pages()
        made = run(hr)
        assert (made.state, [lack["code"] for lack in made.lacks]) == ("done", [code])
    assert out(hr) == []
    with tenancy.of(hr.organization_id):
        assert not Run.objects.filter(counts__has_key="suspend").exists()


def test_2_the_sentinel_must_be_in_every_whole_listing(hr, script):
    script.sentinel = "p00@acme.example"
    listing(*crowd(9, start=1))
    assert [lack["code"] for lack in run(hr).lacks] == ["sentinel"]
    listing(*crowd(9))
    assert run(hr).lacks == []
    script.sentinel = "p01"
    assert run(hr).lacks == []


def test_2_an_explicit_signal_counts_in_an_incomplete_listing_too(hr, script):
    listing(person("p00", active=False), incomplete="A part is missing.")
    assert run(hr).state == "done"
    assert out(hr) == ["p00"]


# --- 7: absent is not gone -----------------------------------------------------------------------------


def test_7_whoever_is_absent_once_stays_and_twice_is_suspended(hr):
    listing(*crowd(9))
    assert (run(hr).counts, out(hr)) == ({}, [])
    assert (run(hr).counts, out(hr)) == ({"suspend": 1}, ["p09"])


def test_7_whoever_is_there_again_was_never_gone(hr):
    listing(*crowd(9))
    run(hr)
    listing(*crowd(10))
    run(hr)
    listing(*crowd(9))
    run(hr)
    assert out(hr) == []


@pytest.mark.parametrize("runs", [{}, {"absent_runs": 1}, {"absent_runs": 100}])
def test_7_a_grace_in_hours_counts_whatever_the_number_of_listings(hr, runs):
    directories.change(hr.directory, actor=SETUP, settings={**runs, "absent_hours": 24})
    listing(*crowd(9))
    run(hr)
    run(hr)
    assert out(hr) == []
    with later_on(hours=25):
        run(hr)
    assert out(hr) == ["p09"]


def test_7_an_explicit_removal_counts_at_once(hr):
    listing(*crowd(9), removed=["p09"], whole=False)
    assert (run(hr).counts, out(hr)) == ({"suspend": 1}, ["p09"])


def test_7_what_did_not_change_is_not_absent(hr):
    listing(person("new"), whole=False)
    run(hr)
    run(hr)
    listing(person("newer"), present=[f"p{place:02}" for place in range(10)] + ["new"])
    run(hr)
    run(hr)
    assert out(hr) == []


def test_7_a_missing_status_is_asked_for_again_before_it_counts(hr, script):
    listing(*crowd(9), person("p09", active=None))
    asked = len(script.asked)
    made = run(hr)
    assert len(script.asked) - asked == 2
    assert [lack["code"] for lack in made.lacks] == ["status_unknown"]
    assert out(hr) == []


def test_7_whoever_is_merely_absent_keeps_their_groups(hr, acme):
    listing(*crowd(10), groups=[("team", ["p00", "p09"])])
    run(hr)
    listing(*crowd(9), groups=[("team", ["p00"])])
    run(hr)
    assert in_group(acme, "Team") == ["p00", "p09"]
    run(hr)
    assert out(hr) == ["p09"]
    assert in_group(acme, "Team") == ["p00", "p09"], "suspended, and dormant"


def test_7_a_group_that_is_absent_twice_ends(hr, acme):
    listing(*crowd(10), groups=[("team", ["p00"])])
    run(hr)
    listing(*crowd(10))
    run(hr)
    with tenancy.of(acme):
        assert Group.objects.filter(ended_at__isnull=True).count() == 1
    run(hr)
    with tenancy.of(acme):
        assert Group.objects.filter(ended_at__isnull=True).count() == 0


def test_7_a_group_that_comes_back_is_the_same_and_brings_what_it_brought(hr, acme):
    listing(*crowd(10), groups=[("team", ["p00"])])
    run(hr)
    with tenancy.of(acme):
        team = Group.objects.get()
    mappings.replace(team, mappings.Mapping(roles=("auditor",)), actor=ADA)
    listing(*crowd(10))
    run(hr)
    run(hr)
    listing(*crowd(10), groups=[("team", ["p01"])])
    assert run(hr).counts == {"group_create": 1, "members": 1}
    with tenancy.of(acme):
        assert Group.objects.get().pk == team.pk
        assert [held.name for held in access.roles_of(member_of(hr, "p01"))] == ["auditor"]
        assert access.roles_of(member_of(hr, "p00")) == []


# --- 11: late news -------------------------------------------------------------------------------------


def test_11_older_news_changes_nothing(hr):
    listing(*crowd(9), person("p09", title="New", version="2026-02"))
    run(hr)
    listing(*crowd(9), person("p09", title="Old", version="2026-01"))
    assert run(hr).counts == {"skipped": {"older_news": 1}}
    assert member_of(hr, "p09").profile["title"] == "New"


def test_11_whoever_is_gone_is_not_brought_back_by_older_news(hr):
    listing(*crowd(9), person("p09", version="2026-02"))
    run(hr)
    listing(*crowd(9), removed=["p09"], whole=False)
    run(hr)
    listing(*crowd(9), person("p09", version="2026-02", title="Late"))
    assert run(hr).counts == {"skipped": {"tombstoned": 1}}
    listing(*crowd(9), person("p09", version="2026-03"))
    assert run(hr).counts == {"reactivate": 1}


def test_11_a_push_while_the_directory_is_read_is_newer(hr, script, acme):
    """Somebody leaves by another hand between reading and planning: the slow listing does not bring them back."""
    people = crowd(10, title="Slow")

    class Slow(list):
        def __getitem__(self, part):
            members.offboard(member_of(hr, "p08"), actor=SETUP)
            members.change(member_of(hr, "p09"), profile={"title": "Pushed"}, actor=SETUP)
            connection.close()  # directories are read in a thread of its own, and nobody else closes what that opens
            return [Page(people[8:], end=End(whole=False))][part]

    script.pages = Slow()
    made = run(hr)
    assert made.counts == {"skipped": {"newer_news": 1, "offboarded": 1}}
    assert member_of(hr, "p09").profile["title"] == "Pushed"
    with tenancy.of(acme):
        assert Member.objects.get(user_name="p08@acme.example").state == "offboarded"


def test_11_somebody_deleted_by_a_push_is_not_created_anew_by_a_pull(hr, acme):
    okta = scim_client(acme, "okta").directory
    pushed = members.provision(acme, user_name="zoe", directory=okta, external_id="Z1", actor=SETUP).member
    members.offboard(pushed, actor=SETUP, tombstone=okta)
    listing(*crowd(10), person("Z1", "zoe"))
    assert run(hr).counts == {"skipped": {"tombstoned": 1}}


def test_11_a_plan_does_not_overrule_what_happened_since(held, hr):
    members.change(member_of(hr, "p09"), profile={"title": "Since"}, actor=SETUP)
    made = approved(held, ADA)
    assert (made.state, made.applied, made.skipped) == ("done", 5, 1)
    assert ("suspend", "p09", "skipped") in steps(made)
    assert "p09" not in out(hr)


# --- 12: fingerprint -----------------------------------------------------------------------------------


def test_12_a_run_without_news_writes_nothing(hr, acme):
    before = len(events(acme))
    with tenancy.of(acme):
        versions = dict(Member.objects.values_list("pk", "version"))
    made = sync_runs.start_due(acme.pk, hr.pk, actor=SETUP)
    assert made is None, "not due yet"
    with later_on(hours=2):
        made = sync_runs.start_due(acme.pk, hr.pk, actor=SETUP)
        assert go_on(made).state == "done"
    assert (events(acme, before), steps(made)) == ([], [])
    with tenancy.of(acme):
        assert dict(Member.objects.values_list("pk", "version")) == versions
