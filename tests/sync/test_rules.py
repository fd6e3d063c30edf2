"""The fifteen rules of safe reconciliation, each by its name."""

import pytest
from django.db import connection
from django.utils import timezone

from audit.record import Actor
from identity import (
    directories,
    domains,
    erasure,
    links,
    member_row,
    members,
    organizations,
    pulls,
    sync_runs,
    tenancy,
)
from identity.errors import Conflict, Forbidden
from identity.models import Grant, Group, Link, Member, Membership, OutgoingMail, RoleAssignment, Run
from tasks.connectors.faults import Unreachable
from tasks.connectors.interface import End, Page, Unreadable
from tasks.connectors.interface import Membership as Belongs
from tasks.models import StagedPerson
from tests.conftest import SETUP, later_on, scim_client
from tests.sync.conftest import ADA
from tests.sync.scripted import (
    approved,
    crowd,
    events,
    go_on,
    listing,
    person,
    pull_of,
    run,
    settle,
    states,
    steps,
)


def out(pull):
    return sorted(key for key, state in states(pull).items() if state != "active")


def member_of(pull, key):
    with tenancy.of(pull.organization_id):
        return Member.objects.get(links__directory=pull.directory_id, links__external_id=key)


def in_group(organization, name):
    with tenancy.of(organization):
        rows = Membership.objects.filter(group__display_name=name, ended_at__isnull=True)
        return sorted(rows.values_list("member__links__external_id", flat=True))


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


@pytest.fixture
def held(hr):
    listing(*crowd(4), *[person(f"p{place:02}", active=False) for place in range(4, 10)])
    return run(hr)


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


def test_7_a_grace_in_hours_counts_whatever_the_number_of_listings(hr):
    directories.change(hr.directory, actor=SETUP, settings={"absent_runs": 100, "absent_hours": 24})
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


def test_people_and_links_are_what_the_record_says(hr, acme):
    with tenancy.of(acme):
        assert Link.objects.count() == events(acme).count("member.create") == 10


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
