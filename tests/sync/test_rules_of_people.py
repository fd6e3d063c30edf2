"""The rules of safe reconciliation about whose somebody is, and what may happen to them: 8 to 10 and 13 to 15."""

import pytest
from django.utils import timezone

from identity import (
    domains,
    erasure,
    links,
    member_row,
    members,
    organizations,
    sync_runs,
    tenancy,
)
from identity.errors import Conflict
from identity.models import Grant, Group, Link, Member, Membership, RoleAssignment
from tasks.connectors.faults import Unreachable
from tasks.connectors.interface import End, Page
from tasks.connectors.interface import Membership as Belongs
from tasks.models import StagedPerson
from tests.conftest import SETUP, scim_client
from tests.sync.conftest import ADA
from tests.sync.scripted import (
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

# --- 8: soft only --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["signal", "removed", "absent"])
def test_8_a_leaver_is_suspended_never_deleted_and_comes_back_as_before(hr, acme, how):
    gone = {
        "signal": lambda: listing(*crowd(9), person("p09", active=False)),
        "removed": lambda: listing(*crowd(9), removed=["p09"]),
        "absent": lambda: listing(*crowd(9)),
    }[how]
    gone()
    run(hr)
    run(hr)
    leaver = member_of(hr, "p09")
    assert leaver.state == "suspended"
    listing(*crowd(10))
    assert run(hr).counts == {"reactivate": 1}
    assert (member_of(hr, "p09").pk, member_of(hr, "p09").state) == (leaver.pk, "active")
    assert run(hr).counts == {}


# --- 9: own only what was linked -----------------------------------------------------------------------


def test_9_people_of_others_are_not_touched(hr, acme, ada, jane):
    listing(*crowd(10), person("x", "jane@acme.example", title="Stolen"))
    made = run(hr)
    assert (made.skipped, made.counts) == (1, {"skipped": {"user_name_taken": 1}})
    with tenancy.of(acme):
        assert Member.objects.get(pk=jane.pk).profile.get("title") is None
    assert steps(made, "action", "external_id", "reason") == [("skip", "x", "user_name_taken")]


def test_9_only_its_own_attributes_are_the_directorys(hr):
    listing(*crowd(9), person("p09", title="Boss"))
    run(hr)
    mine = member_of(hr, "p09")
    members.change(mine, profile={**mine.profile, "nickName": "Niner"}, actor=SETUP)
    listing(*crowd(9), person("p09", displayName="Nine"))
    run(hr)
    profile = member_of(hr, "p09").profile
    assert (profile.get("nickName"), profile.get("displayName"), profile.get("title")) == (
        "Niner",
        "Nine",
        None,
    )


def test_9_a_local_person_in_the_directorys_group_stays(hr, acme, jane):
    listing(*crowd(10), groups=[("team", ["p00", "p01"])])
    run(hr)
    with tenancy.of(acme):
        group = Group.objects.get()
        Membership.objects.count()
    pushed = scim_client(acme, "okta").directory
    with tenancy.of(acme):
        links.make(jane, pushed, "jane")
        from audit.events import Event
        from audit.record import record

        record(Event.MEMBER_LINK, organization_id=acme.pk, actor=SETUP, subject=member_row.subject_of(jane))
        Membership(organization=acme, group=group, member=jane, started_at=timezone.now()).save(
            force_insert=True
        )
    listing(*crowd(10), groups=[("team", ["p00"])])
    run(hr)
    assert in_group(acme, "Team") == ["jane", "p00"]


def test_9_nor_is_anybody_let_in_whom_an_administrator_suspended_after_the_directory(hr):
    listing(*crowd(9), person("p09", active=False))
    run(hr)
    members.suspend(member_of(hr, "p09"), actor=ADA, reason="stolen laptop")
    listing(*crowd(10))
    run(hr)
    assert member_of(hr, "p09").state == "suspended"


def test_9_whoever_was_suspended_by_an_administrator_stays_so(hr):
    members.suspend(member_of(hr, "p09"), actor=ADA)
    listing(*crowd(9), person("p09", title="News"))
    run(hr)
    assert (member_of(hr, "p09").state, member_of(hr, "p09").profile["title"]) == ("suspended", "News")


def test_9_whoever_was_offboarded_by_an_administrator_stays_so(hr):
    members.offboard(member_of(hr, "p09"), actor=ADA)
    listing(*crowd(9), person("p09", title="News"))
    made = run(hr)
    assert made.counts == {"skipped": {"offboarded": 1}}
    assert member_of(hr, "p09").state == "offboarded"


# --- 10: never delete and recreate ---------------------------------------------------------------------


def test_10_a_renamed_person_is_the_same_member(hr):
    before = member_of(hr, "p09").pk
    listing(*crowd(9), person("p09", "niner@acme.example"))
    run(hr)
    assert (member_of(hr, "p09").pk, member_of(hr, "p09").user_name) == (before, "niner@acme.example")


def test_10_a_local_member_with_a_proved_address_is_adopted(hr, acme, jane):
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    listing(*crowd(10), person("x", "jane@acme.example", title="CTO"))
    assert run(hr).counts == {"link": 1}
    found = member_of(hr, "x")
    assert (found.pk, found.profile["title"], found.display_name) == (jane.pk, "CTO", "Jane Jones")


def test_10_a_renamed_group_is_the_same_group(hr, acme):
    listing(*crowd(10), groups=[("team", ["p00"])])
    run(hr)
    from tasks.connectors.interface import Group as Told

    listing(*crowd(10), groups=[("team", ["p00"])])
    from tests.sync.scripted import SCRIPT

    page = SCRIPT.pages[0]
    SCRIPT.pages = [Page(page.people, [Told("team", "Crew")], page.memberships, end=page.end)]
    assert run(hr).counts == {"group_rename": 1}
    assert in_group(acme, "Crew") == ["p00"]


# --- 13: isolation -------------------------------------------------------------------------------------


def test_13_directories_do_not_see_each_other(hr, acme, globex, script):
    other = pull_of(acme, "Second")
    listing(person("p00", "zero@other.example"))
    settle(other, ADA)
    theirs = pull_of(globex)
    listing(*crowd(2))
    settle(theirs, ADA)
    listing(*crowd(9))
    run(other)
    run(other)
    assert (len(states(hr)), out(hr)) == (10, [])
    assert len(states(theirs)) == 2
    script.pages = [Unreachable("Down.")]
    assert run(other).fault == "unreachable"
    listing(*crowd(10))
    assert run(hr).state == "done"


def test_13_one_run_of_a_directory_at_a_time(hr):
    sync_runs.ask(hr.directory, actor=SETUP)
    with pytest.raises(Conflict, match="on its way"):
        sync_runs.ask(hr.directory, actor=SETUP)


def test_13_a_name_that_is_given_up_is_free_in_the_same_run(hr):
    listing(*crowd(9), person("p09", "niner@acme.example"), person("heir", "p09@acme.example"))
    made = run(hr)
    assert (made.counts, made.skipped) == ({"rename": 1, "create": 1}, 0)
    assert member_of(hr, "heir").user_name == "p09@acme.example"


def test_13_one_refused_person_holds_up_nobody(hr, acme):
    organizations.change(acme, email_unique=True, actor=SETUP)
    mail = [{"value": "same@acme.example", "primary": True}]
    new = [person(f"n{place}") for place in range(20)]
    listing(*crowd(10), *new, person("twin1", emails=mail), person("twin2", emails=mail))
    made = run(hr)
    assert (made.state, made.applied, made.skipped) == ("done", 21, 1)
    assert [step for step in steps(made, "external_id", "reason") if step[1]] == [("twin2", "email_taken")]


# --- 14: an empty claim is not "no groups" -------------------------------------------------------------


def test_14_members_that_could_not_be_read_stay(hr, acme, script):
    from tasks.connectors.interface import Group as Told

    listing(*crowd(10), groups=[("team", ["p00", "p01"])])
    run(hr)
    script.pages = [Page(crowd(10), [Told("team", "Team", "unknown")], end=End(whole=True))]
    assert run(hr).counts == {}
    script.pages = [
        Page(
            crowd(10),
            [Told("team", "Team", "changes")],
            [Belongs("team", "p01", False)],
            end=End(whole=False),
        )
    ]
    assert run(hr).counts == {"members": 1}
    assert in_group(acme, "Team") == ["p00"]


def test_14_an_incomplete_listing_takes_nobody_out_of_a_group(hr, acme):
    listing(*crowd(10), groups=[("team", ["p00", "p01"])])
    run(hr)
    listing(*crowd(10), groups=[("team", ["p02"])], incomplete="A part is missing.")
    run(hr)
    assert in_group(acme, "Team") == ["p00", "p01", "p02"]


# --- 15: first access once -----------------------------------------------------------------------------


def test_15_first_permissions_come_once_and_are_the_administrators_from_then_on(acme, script):
    organizations.change(acme, defaults={"roles": ["member"]}, actor=SETUP)
    pull = pull_of(acme)
    listing(*crowd(3))
    settle(pull, ADA)
    with tenancy.of(acme):
        assert RoleAssignment.objects.filter(role__name="member", origin="organization_default").count() == 3
    from identity import roles

    roles.replace(member_of(pull, "p00"), [], actor=ADA)
    listing(person("p00", active=False), *crowd(2, start=1))
    run(pull)
    listing(*crowd(3, title="Back"))
    run(pull)
    assert member_of(pull, "p00").state == "active"
    with tenancy.of(acme):
        assert not RoleAssignment.objects.filter(
            member__links__external_id="p00", ended_at__isnull=True
        ).exists()
        assert not Grant.objects.exists()


def test_people_and_links_are_what_the_record_says(hr, acme):
    with tenancy.of(acme):
        assert Link.objects.count() == events(acme).count("member.create") == 10
    assert events(acme).count("sync.run") == 1


def test_an_erased_person_leaves_no_name_behind_and_is_not_brought_back(hr, acme, eraser, script):
    listing(*crowd(9), person("p09", "secretname@acme.example", title="Secret"))
    run(hr)
    who = member_of(hr, "p09")
    members.offboard(who, actor=ADA)
    script.pages = [
        Page([person("p09", "secretname@acme.example", title="Secret Two")]),
        Unreachable("Broken off."),
    ]
    half_read = run(hr)
    with tenancy.of(acme):
        assert StagedPerson.objects.filter(run_id=half_read.pk).exists()
    erasure.erase(who, actor=ADA)
    for table in ("identity_step", "tasks_stagedperson", "tasks_known"):
        assert "secret" not in str(eraser.execute(f"SELECT * FROM {table}").fetchall()).lower()  # noqa: S608 - our tables
    sync_runs.cancel(half_read, actor=ADA)
    listing(*crowd(9), person("p09", "secretname@acme.example", title="Secret Two"))
    assert run(hr).counts == {"skipped": {"offboarded": 1}}
