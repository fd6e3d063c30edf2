"""/Groups through the door: membership as deltas, pending members, and nothing lost when five come at once."""

import threading

import pytest
from django.db import connections

from identity import tenancy
from identity.models import Membership
from scim.one_group import EMPTIED_MEMBERS_MAX
from scim.schemas import GROUP
from tests.conftest import scim_client
from tests.scim.talk import BASE, Scim, entries, members_of, people

pytestmark = pytest.mark.usefixtures("db")


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


def test_a_change_is_done_whole_or_not_at_all(idp):
    mei, jo = people(idp, "mei", "jo")
    idp.create_group("Taken")
    group, person = f"/Groups/{idp.create_group('Ops', mei)['id']}", f"/Users/{mei}"
    before = idp.get(group).body, idp.get(person).body
    joins = {"op": "add", "path": "members", "value": [{"value": jo}]}
    titled = {"op": "add", "path": "title", "value": "Lead"}
    refused = [
        idp.patch(group, joins, {"op": "replace", "path": "displayName", "value": "Taken"}),
        idp.put(group, {"displayName": "Taken", "members": [{"value": jo}]}),
        idp.patch(person, titled, {"op": "replace", "path": "userName", "value": "jo@example.org"}),
        idp.patch(group, joins, {"op": "replace", "path": "id", "value": "x"}),
        idp.patch(person, titled, {"op": "replace", "path": "groups", "value": []}),
    ]
    assert [each.status for each in refused] == [409, 409, 409, 400, 400]
    assert (idp.get(group).body, idp.get(person).body) == before


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
    # Whoever says in the same request who is in it instead means it.
    anew = {"op": "add", "path": "members", "value": [{"value": each} for each in everybody]}
    assert idp.patch(f"/Groups/{group}", {"op": "remove", "path": "members"}, anew).status == 200
    assert members_of(idp, group) == set(everybody)
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
