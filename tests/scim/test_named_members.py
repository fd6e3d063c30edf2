"""Whom a client names as members of a group: by our ids or by its own, and those who are waited for."""

from uuid import uuid4

import pytest

from audit.models import Detail
from identity import tenancy
from identity.models import PendingMembership
from scim.models import LoggedRequest
from tests.conftest import scim_client
from tests.scim.talk import Scim, entries, members_of, people


def test_an_unknown_member_is_pending_and_joins_on_arrival(idp, acme):
    (mei,) = people(idp, "mei")
    group = idp.create_group("Ops")["id"]
    answer = idp.patch(
        f"/Groups/{group}",
        {
            "op": "add",
            "path": "members",
            "value": [{"value": mei}, {"value": "ext-late"}, {"value": "nobody"}],
        },
    )
    assert answer.status == 200
    assert members_of(idp, group) == {mei}
    late = idp.create("late@example.org", externalId="ext-late")
    assert [each["value"] for each in late["groups"]] == [group]
    assert members_of(idp, group) == {mei, late["id"]}
    with tenancy.of(acme):
        assert list(PendingMembership.objects.values_list("value", flat=True)) == ["nobody"]
    idp.patch(f"/Groups/{group}", {"op": "remove", "path": "members", "value": [{"value": "nobody"}]})
    with tenancy.of(acme):
        assert not PendingMembership.objects.exists()


def test_members_are_known_by_their_external_ids_too(idp, acme):
    (mei,) = people(idp, "mei")
    jo = idp.create("jo@example.org", externalId="ext-jo")["id"]
    bo = idp.create("bo@example.org", externalId=str(uuid4()))
    inner = idp.create_group("Inner", externalId="ext-inner")["id"]
    group = idp.create_group("Ops", mei, "ext-jo", bo["externalId"])["id"]
    assert members_of(idp, group) == {mei, jo, bo["id"]}
    one = {"op": "remove", "path": "members", "value": [{"value": "ext-jo"}, {"value": bo["externalId"]}]}
    assert idp.patch(f"/Groups/{group}", one).status == 200
    assert members_of(idp, group) == {mei}
    add = {"op": "add", "path": "members", "value": [{"value": "ext-jo"}, {"value": "ext-inner"}]}
    assert idp.patch(f"/Groups/{group}", add).status == 200
    assert members_of(idp, group) == {mei, jo, inner}
    whole = {"displayName": "Ops", "members": [{"value": "ext-jo"}, {"value": "ext-inner"}]}
    known = len(entries(acme))
    assert members_of(idp, idp.put(f"/Groups/{group}", whole).body["id"]) == {jo, inner}
    assert [each.event for each in entries(acme)[known:]] == ["group.member_remove", "group.change"]
    gone = idp.patch(f"/Groups/{group}", {"op": "remove", "path": 'members[value eq "ext-inner"]'})
    assert gone.status == 200
    assert members_of(idp, group) == {jo}
    with tenancy.of(acme):
        assert not PendingMembership.objects.exists()


@pytest.mark.parametrize(
    ("jo", "inner"),
    [
        ("4f9c2d1e-7a3b-4c5d-8e6f-0a1b2c3d4e5f", "5f9c2d1e-7a3b-4c5d-8e6f-0a1b2c3d4e5f"),
        ("4F9C2D1E-7A3B-4C5D-8E6F-0A1B2C3D4E5F", "{5F9C2D1E-7A3B-4C5D-8E6F-0A1B2C3D4E5F}"),
        ("2c9180867624cbd7017642d8c8c81f67", "3c9180867624cbd7017642d8c8c81f67"),
    ],
)
def test_external_ids_that_look_like_ours_are_told_apart_as_they_are_written(idp, acme, jo, inner):
    """Most identity providers' own ids are UUIDs, in one spelling or another; a full push of them changes nothing."""
    known = idp.create("jo@example.org", externalId=jo)["id"]
    below = idp.create_group("Inner", externalId=inner)["id"]
    late = "6" + jo[1:]
    whole = {"displayName": "Ops", "members": [{"value": jo}, {"value": inner}, {"value": late}]}
    group = idp.post("/Groups", whole).body["id"]
    assert members_of(idp, group) == {known, below}
    arrived = idp.create("late@example.org", externalId=late)["id"]
    recorded = len(entries(acme))
    assert members_of(idp, idp.put(f"/Groups/{group}", whole).body["id"]) == {known, below, arrived}
    assert entries(acme)[recorded:] == []
    gone = {"op": "remove", "path": "members", "value": [{"value": jo}, {"value": inner}]}
    assert idp.patch(f"/Groups/{group}", gone).status == 200
    assert members_of(idp, group) == {arrived}
    with tenancy.of(acme):
        assert not PendingMembership.objects.exists()


def test_an_external_id_of_another_directory_is_nobodys(idp, acme):
    other = Scim(scim_client(acme, "okta", name="Second"))
    other.create("jo@example.org", externalId="ext-jo")
    group = idp.create_group("Ops", "ext-jo")["id"]
    assert members_of(idp, group) == set()
    with tenancy.of(acme):
        assert list(PendingMembership.objects.values_list("value", flat=True)) == ["ext-jo"]


@pytest.mark.parametrize("shown", ["", "?excludedAttributes=members"])
def test_members_that_are_waited_for_are_warnings_of_the_request(idp, acme, shown):
    (mei,) = people(idp, "mei")
    add = {"op": "add", "path": "members", "value": [{"value": "late"}, {"value": mei}]}
    group = idp.post(f"/Groups{shown}", {"displayName": "Ops", "members": add["value"]}).body["id"]
    assert idp.patch(f"/Groups/{group}{shown}", add).status == 200
    assert idp.put(f"/Groups/{group}{shown}", {"displayName": "Ops", "members": add["value"]}).status == 200
    idp.patch(f"/Groups/{group}", {"op": "add", "path": "members", "value": [{"value": mei}]})
    with tenancy.of(acme):
        logged = LoggedRequest.objects.filter(path__startswith="/Groups").order_by("id")
        noted = [
            [each["note"] for each in one.warnings if each["code"] == "member_pending"] for one in logged
        ]
    assert noted == [["late"]] * 3 + [[]]


def test_who_is_waited_for_is_recorded_once(idp, acme):
    """A client that names somebody who is gone names them at every full push."""
    group = idp.create_group("Ops", "late")["id"]
    known = len(entries(acme))
    whole = {"displayName": "Ops", "members": [{"value": "late"}]}
    assert idp.put(f"/Groups/{group}", whole).status == 200
    add = {"op": "add", "path": "members", "value": [{"value": "late"}]}
    assert idp.patch(f"/Groups/{group}", add).status == 200
    assert entries(acme)[known:] == []
    both = {"displayName": "Ops", "members": [{"value": "late"}, {"value": "later"}]}
    assert idp.put(f"/Groups/{group}", both).status == 200
    (entry,) = entries(acme)[known:]
    with tenancy.of(acme):
        said = Detail.objects.get(entry_id=entry.pk).body["data"]
    assert (entry.event, said) == ("group.member_pending", {"values": ["later"]})
