"""/Groups through the door: membership as deltas, pending members, and nothing lost when five come at once."""

import threading
from uuid import uuid4

import pytest
from django.db import connections

from audit.models import Detail
from identity import tenancy
from identity.models import Membership, PendingMembership
from scim.models import LoggedRequest
from scim.one_group import EMPTIED_MEMBERS_MAX
from scim.schemas import GROUP
from tests.conftest import scim_client
from tests.scim.talk import BASE, Scim, entries

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def idp(okta) -> Scim:
    return Scim(okta)


def people(idp: Scim, *names: str) -> list[str]:
    return [idp.create(f"{name}@example.org", externalId=f"ext-{name}")["id"] for name in names]


def members_of(idp: Scim, group_id: str) -> set[str]:
    return {each["value"] for each in idp.get(f"/Groups/{group_id}").body.get("members", [])}


def test_a_created_group_is_answered_whole_and_read_back(idp, acme):
    (mei,) = people(idp, "mei")
    answer = idp.post(
        "/Groups",
        {"schemas": [GROUP.id], "displayName": "Ops", "externalId": "g1", "members": [{"value": mei}]},
    )
    made = answer.body
    assert answer.status == 201
    assert answer.headers["Location"] == f"{BASE}/Groups/{made['id']}"
    assert {name: value for name, value in made.items() if name != "meta"} == {
        "schemas": [GROUP.id],
        "id": made["id"],
        "displayName": "Ops",
        "externalId": "g1",
        "members": [{"value": mei, "$ref": f"{BASE}/Users/{mei}", "type": "User"}],
    }
    assert idp.get(f"/Groups/{made['id']}").body == made
    assert idp.get(f"/Groups/{made['id']}?attributes=members.display").body["members"] == [
        {"display": "mei@example.org"}
    ]
    assert idp.get(f"/Users/{mei}").body["groups"] == [
        {"value": made["id"], "display": "Ops", "$ref": f"{BASE}/Groups/{made['id']}", "type": "direct"}
    ]
    assert [each.event for each in entries(acme, event__startswith="group")] == [
        "group.create",
        "group.member_add",
    ]


def test_a_rename_leaves_the_members(idp):
    mei, jo = people(idp, "mei", "jo")
    group = idp.create_group("Ops", mei, jo)["id"]
    assert (
        idp.patch(
            f"/Groups/{group}", {"op": "replace", "value": {"id": group, "displayName": "Platform"}}
        ).status
        == 200
    )
    assert idp.put(f"/Groups/{group}", {"displayName": "Platform 2"}).body["displayName"] == "Platform 2"
    assert members_of(idp, group) == {mei, jo}
    assert idp.put(f"/Groups/{group}", {"displayName": "Platform 2", "members": []}).status == 200
    assert members_of(idp, group) == set()


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


def test_memberships_survive_a_suspension(idp):
    (mei,) = people(idp, "mei")
    group = idp.create_group("Ops", mei)["id"]
    idp.patch(f"/Users/{mei}", {"op": "replace", "value": {"active": False}})
    assert members_of(idp, group) == {mei}
    assert (
        idp.patch(f"/Users/{mei}", {"op": "replace", "value": {"active": True}}).body["groups"][0]["value"]
        == group
    )


def test_a_large_group_is_not_emptied_by_accident(idp, acme, okta):
    from identity import directories
    from tests.conftest import SETUP

    everybody = people(idp, *[f"p{number}" for number in range(EMPTIED_MEMBERS_MAX + 1)])
    group = idp.create_group("All", *everybody)["id"]
    answer = idp.patch(f"/Groups/{group}", {"op": "remove", "path": "members"})
    assert (answer.status, answer.code) == (400, "empties_group")
    assert members_of(idp, group) == set(everybody)
    assert (
        idp.patch(
            f"/Groups/{group}", {"op": "remove", "path": "members", "value": [{"value": everybody[0]}]}
        ).status
        == 200
    )
    assert idp.patch(f"/Groups/{group}", {"op": "remove", "path": "members"}).status == 200
    assert members_of(idp, group) == set()
    idp.put(f"/Groups/{group}", {"displayName": "All", "members": [{"value": each} for each in everybody]})
    directories.change(okta.directory, actor=SETUP, settings={"empties_groups": True})
    assert idp.patch(f"/Groups/{group}", {"op": "remove", "path": "members"}).status == 200


def test_a_deleted_group_is_gone_and_its_name_free(idp, acme):
    (mei,) = people(idp, "mei")
    group = idp.create_group("Ops", mei)["id"]
    assert idp.post("/Groups", {"displayName": "ops"}).code == "name_taken"
    assert idp.delete(f"/Groups/{group}").status == 204
    assert idp.get(f"/Groups/{group}").status == 404
    assert "groups" not in idp.get(f"/Users/{mei}").body
    idp.create_group("Ops")
    with tenancy.of(acme):
        assert not Membership.objects.filter(ended_at__isnull=True).exists()


def test_versions_make_requests_conditional(idp):
    group = idp.create_group("Ops")["id"]
    path = f"/Groups/{group}"
    operation = {"op": "replace", "path": "displayName", "value": "New"}
    assert idp.get(path, **{"If-None-Match": 'W/"1"'}).status == 304
    assert idp.patch(path, operation, **{"If-Match": 'W/"7"'}).status == 412
    assert idp.put(path, {"displayName": "x"}, **{"If-Match": '"7"'}).status == 412
    assert idp.delete(path, **{"If-Match": 'W/"0"'}).status == 412
    assert idp.patch(path, operation, **{"If-Match": 'W/"1"'}).headers["ETag"] == 'W/"2"'


def test_parallel_patches_lose_nobody(idp, okta):
    everybody = people(idp, *[f"p{number}" for number in range(20)])
    group = idp.create_group("Ops", *everybody[:5])["id"]
    path = f"/Groups/{group}"
    answers: list[int] = []

    def work(number: int) -> None:
        try:
            mine = Scim(okta)
            values = [[{"value": one}] for one in everybody[5 + number :: 5]]
            answers.extend(
                mine.patch(path, {"op": "add", "path": "members", "value": value}).status for value in values
            )
            answers.append(
                mine.patch(path, {"op": "remove", "path": f'members[value eq "{everybody[number]}"]'}).status
            )
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert set(answers) == {200}
    assert members_of(idp, group) == set(everybody[5:])


def test_keycloak_empties_a_group_by_a_put_without_members(acme):
    # mitodl/keycloak-scim: GroupAdapter.toSCIM leaves the list out when the last one has gone.
    keycloak = Scim(scim_client(acme, "keycloak"))
    mei, ana = people(keycloak, "mei", "ana")
    group = keycloak.create_group("Ops", mei, ana)
    path = f"/Groups/{group['id']}"
    whole = {"id": group["id"], "externalId": "kc-ops", "displayName": "Ops"}
    assert keycloak.put(path, whole | {"members": [{"value": ana, "$ref": f"Users/{ana}"}]}).status == 200
    assert members_of(keycloak, group["id"]) == {ana}
    assert keycloak.put(path, whole).body["members"] == []
    # Everybody else renames so, whoever is in it.
    okta = Scim(keycloak.secret, **{"User-Agent": "Okta SCIM Client 1.0.0"})
    assert okta.put(path, whole | {"members": [{"value": mei}]}).status == 200
    assert okta.put(path, whole | {"displayName": "Operations"}).status == 200
    assert members_of(okta, group["id"]) == {mei}


def test_keycloak_does_not_empty_a_large_group_without_being_allowed_to(acme):
    keycloak = Scim(scim_client(acme, "keycloak"))
    many = [keycloak.create(f"p{number}")["id"] for number in range(EMPTIED_MEMBERS_MAX + 1)]
    path = f"/Groups/{keycloak.create_group('Ops', *many)['id']}"
    refused = keycloak.put(path, {"displayName": "Ops"})
    assert (refused.status, refused.code, len(keycloak.get(path).body["members"])) == (
        400,
        "empties_group",
        len(many),
    )


def test_another_directory_finds_no_group(idp, acme, globex):
    (mei,) = people(idp, "mei")
    group = idp.create_group("Ops", mei)["id"]
    for other in (Scim(scim_client(globex, "entra")), Scim(scim_client(acme, "entra"))):
        path = f"/Groups/{group}"
        answers = [
            other.get(path), other.put(path, {"displayName": "x"}), other.delete(path),
            other.patch(path, {"op": "add", "path": "members", "value": [{"value": mei}]}),
        ]  # fmt: skip
        assert [each.status for each in answers] == [404] * 4
        own = other.create_group("Ops", mei)
        assert own["members"] == []
    assert members_of(idp, group) == {mei}
