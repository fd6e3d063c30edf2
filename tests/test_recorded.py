"""Every verb of the domain leaves its entry: who, what, from what to what."""

import pytest

from audit.events import Event
from audit.models import Detail, Entry
from config.environment import ROOT
from identity import grants, groups, members, resources, sessions, tenancy, tokens
from identity.grants import GrantSpec
from identity.models import Group, Resource
from tests import verbs_on_organizations, verbs_on_people
from tests.conftest import SETUP
from tests.verbs_on_organizations import ADA, OPERATOR

VERBS = verbs_on_organizations.VERBS | verbs_on_people.VERBS


def a_group(acme, jane):
    return groups.create(acme, display_name="Staff", members=[str(jane.pk)], actor=SETUP)


def a_resource(acme):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    with tenancy.of(acme):
        return Resource.objects.get()


def entries(organization):
    with tenancy.of(organization):
        return list(Entry.objects.order_by("id"))


def test_every_event_is_expected_by_a_test():
    text = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    assert [event for event in Event if f'"{event}"' not in text and event.name not in text] == []


@pytest.mark.parametrize("verb", VERBS)
def test_the_verb_leaves_its_entries_and_names_its_actor(acme, jane, verb):
    act, events = VERBS[verb]
    before = len(entries(acme))
    act(acme, jane)
    new = entries(acme)[before:]
    assert [entry.event for entry in new] == events
    assert {entry.actor_id for entry in new} == {"0197-ada"}
    assert {entry.actor_kind for entry in new} == {
        OPERATOR.kind if verb.startswith("deletions.") else ADA.kind
    }


def test_a_change_tells_old_and_new_value(acme, jane):
    members.change(jane, profile={**jane.profile, "title": "CTO"}, actor=ADA)
    members.change(jane, profile={**jane.profile, "title": "CEO"}, user_name="jane2", actor=ADA)
    with tenancy.of(acme):
        entry = Entry.objects.filter(event="member.change").latest("id")
        detail = Detail.objects.get(pk=entry.pk).body
    assert detail["changes"] == {"user_name": ["jane@acme.example", "jane2"], "title": ["CTO", "CEO"]}
    assert (detail["actor"], entry.subject_id) == ("Ada Admin", str(jane.pk))


def test_no_secret_reaches_the_record(acme, jane, eraser):
    _, secret = tokens.issue(jane, scopes=["record.read"], actor=ADA)
    _, cookie = sessions.start(jane, actor=ADA)
    members.set_password(jane, "correct horse battery", actor=ADA)
    text = " ".join(row[0] for row in eraser.execute("SELECT body::text FROM audit_detail").fetchall())
    for hidden in (secret, secret.split("_", 2)[2], cookie, "correct horse battery"):
        assert hidden not in text


def test_removing_and_ending_is_recorded_too(acme, jane):
    group = a_group(acme, jane)
    groups.change(group, remove=[str(jane.pk)], display_name="People", actor=ADA)
    groups.delete(group, actor=ADA)
    resource = a_resource(acme)
    grants.replace(jane, [GrantSpec("portfolio", "p1", "view")], actor=ADA)
    grants.replace(jane, [], actor=ADA)
    resources.retire(resource, actor=ADA)
    assert [entry.event for entry in entries(acme) if entry.actor_id == ADA.id] == [
        "group.member_remove", "group.change", "group.delete", "grant.give", "grant.end", "resource.retire",
    ]  # fmt: skip
    with tenancy.of(acme):
        assert Group.objects.get().ended_at
