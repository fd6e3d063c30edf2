"""Replay: a stored request through today's code, first without consequences, then recorded."""

import json

import pytest

from audit.models import Entry
from audit.record import Actor
from identity import members, tenancy, tokens
from identity.errors import Conflict, Invalid
from identity.models import Member
from scim import exchange, replay
from scim.models import LoggedRequest
from tests.conftest import SETUP
from tests.scim.talk import Scim, entries

ADA = Actor("member", "0197-ada", "Ada Admin")
TITLE = {"op": "Replace", "path": "title", "value": "CTO"}


def last(organization):
    with tenancy.of(organization):
        return LoggedRequest.objects.order_by("id").last()


def everything(organization):
    """Return what a rehearsal must leave as it was."""
    with tenancy.of(organization):
        people = list(Member.objects.order_by("pk").values("pk", "state", "version", "profile"))
        return people, Entry.objects.count(), LoggedRequest.objects.count()


def refused_creation(acme, okta):
    """Have a creation fail because somebody has the name, who then gives it up."""
    other = members.provision(acme, actor=SETUP, user_name="jane").member
    assert Scim(okta).post("/Users", {"userName": "jane", "title": "CTO"}).status == 409
    row = last(acme)
    members.offboard(other, actor=SETUP)
    return row


def test_a_rehearsal_shows_what_would_change_and_leaves_nothing(acme, okta):
    row = refused_creation(acme, okta)
    before = everything(acme)
    shown = replay.rehearse(row, actor=ADA)
    assert everything(acme) == before
    assert (shown.status, shown.is_applied, json.loads(shown.answer)["userName"]) == (201, False, "jane")
    assert shown.changes["userName"] == [None, "jane"]
    assert [entry["event"] for entry in shown.entries] == ["member.create"]


def test_applying_does_it_as_one_recorded_step(acme, okta):
    row = refused_creation(acme, okta)
    done = replay.apply(row, actor=ADA)
    assert (done.status, done.is_applied) == (201, True)
    assert Scim(okta).get('/Users?filter=userName eq "jane"').body["totalResults"] == 1
    (entry,) = entries(acme, event="scim.replay")
    assert (entry.actor_id, entry.subject_id, entry.outcome) == (ADA.id, str(row.pk), "success")
    assert entries(acme, event="member.create")[-1].actor_id == ADA.id


def test_warnings_and_differences_of_a_patch_are_shown(acme, entra):
    scim = Scim(entra)
    jane = scim.create("jane", title="CEO")
    scim.patch(f"/Users/{jane['id']}", TITLE)
    row = last(acme)
    scim.patch(f"/Users/{jane['id']}", {"op": "replace", "path": "title", "value": "Chair"})
    shown = replay.rehearse(row, actor=ADA)
    assert shown.changes == {"title": ["Chair", "CTO"]}
    assert [warning["code"] for warning in shown.warnings] == ["operation_case"]
    assert [entry["event"] for entry in shown.later] == ["member.change"]


def test_later_changes_are_not_undone_without_a_word(acme, entra):
    scim = Scim(entra)
    jane = scim.create("jane", title="CEO")
    scim.patch(f"/Users/{jane['id']}", TITLE)
    row = last(acme)
    with tenancy.of(acme):
        member = Member.objects.get(pk=jane["id"])
    members.change(member, profile={"title": "Chair"}, actor=SETUP)
    with pytest.raises(Conflict):
        replay.apply(row, actor=ADA)
    assert scim.get(f"/Users/{jane['id']}").body["title"] == "Chair"
    assert replay.apply(row, actor=ADA, despite_later=True).is_applied
    assert scim.get(f"/Users/{jane['id']}").body["title"] == "CTO"


def test_a_second_application_counts_as_a_later_change(acme, okta):
    scim = Scim(okta)
    jane = scim.create("jane", title="CEO")
    scim.patch(f"/Users/{jane['id']}", TITLE)
    row = last(acme)
    scim.patch(f"/Users/{jane['id']}", {"op": "replace", "path": "title", "value": "Chair"})
    replay.apply(row, actor=ADA, despite_later=True)
    with pytest.raises(Conflict):
        replay.apply(row, actor=ADA)


def test_what_is_run_again_stays_the_directorys_word(acme, okta):
    idp = Scim(okta)
    path = f"/Users/{idp.create('mei@example.org', externalId='1')['id']}"
    idp.patch(path, {"op": "replace", "value": {"active": False}})
    down = last(acme)
    idp.patch(path, {"op": "replace", "value": {"active": True}})
    up = last(acme)
    replay.apply(down, actor=ADA, despite_later=True)
    suspended = entries(acme, event="member.suspend")[-1]
    assert (suspended.actor_id, suspended.source) == (ADA.id, "scim")
    assert idp.patch(path, {"op": "replace", "value": {"active": True}}).body["active"] is True
    with tenancy.of(acme):
        member = Member.objects.get(user_name="mei@example.org")
    members.suspend(member, actor=ADA, reason="stolen laptop")
    refused = replay.apply(up, actor=ADA, despite_later=True)
    assert (refused.status, "suspended_here" in refused.answer) == (403, True)
    assert idp.get(path).body["active"] is False


def test_what_is_refused_today_changes_nothing_and_is_recorded_as_refused(acme, okta):
    scim = Scim(okta)
    scim.create("jane")
    row = last(acme)  # jane is here already
    done = replay.apply(row, actor=ADA, despite_later=True)
    assert (done.status, done.is_applied) == (409, False)
    (entry,) = entries(acme, event="scim.replay")
    assert (entry.outcome, entry.reason) == ("refused", "status_409")


def test_members_who_would_join_and_leave_are_named(acme, okta):
    scim = Scim(okta)
    a, b = scim.create("a")["id"], scim.create("b")["id"]
    staff = scim.create_group("Staff", a)
    scim.patch(f"/Groups/{staff['id']}", {"op": "replace", "path": "members", "value": [{"value": b}]})
    row = last(acme)
    scim.patch(f"/Groups/{staff['id']}", {"op": "replace", "path": "members", "value": [{"value": a}]})
    shown = replay.rehearse(row, actor=ADA)
    assert shown.members == {"joined": [b], "left": [a], "joined_count": 1, "left_count": 1}
    assert [each["value"] for each in scim.get(f"/Groups/{staff['id']}").body["members"]] == [a]


def test_a_dead_token_does_not_stop_a_replay(acme, okta):
    tokens.revoke(tokens.find(okta.secret).token, actor=SETUP)
    assert Scim(okta).post("/Users", {"userName": "jane"}).status == 401
    assert replay.apply(last(acme), actor=ADA).status == 201


def test_deletions_bulk_and_bodies_kept_in_part_are_not_run_again(acme, okta):
    scim = Scim(okta)
    jane = scim.create("jane")
    scim.delete(f"/Users/{jane['id']}")
    with pytest.raises(Invalid):
        replay.rehearse(last(acme), actor=ADA)
    scim.post("/Bulk", {"Operations": []})
    with pytest.raises(Invalid):
        replay.apply(last(acme), actor=ADA)
    scim.post("/Users", {"userName": "long", "x": "y" * exchange.RAW_BYTES_MAX})
    with pytest.raises(Invalid):
        replay.rehearse(last(acme), actor=ADA)


def test_a_read_is_answered_again(acme, okta):
    scim = Scim(okta)
    scim.create("jane")
    scim.get('/Users?filter=userName eq "jane"')
    assert json.loads(replay.rehearse(last(acme), actor=ADA).answer)["totalResults"] == 1


def test_a_doubled_slash_leads_to_the_same_place_again(acme, okta):
    scim = Scim(okta)
    scim.create("jane")
    scim.get('//Users?filter=userName eq "jane"')
    assert (last(acme).path, last(acme).status) == ("//Users", 200)
    assert json.loads(replay.rehearse(last(acme), actor=ADA).answer)["totalResults"] == 1
