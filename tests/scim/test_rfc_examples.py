"""The requests that RFC 7643, RFC 7644 and RFC 9865 show as examples, each as it stands there, and what must come of it.

Only ids and versions are ours: the RFCs' own name people of their own server. Where we answer otherwise than they show, it is said.
"""

from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import scim_client
from tests.scim import golden_files
from tests.scim.talk import Scim

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"

BJENSEN = {
    "schemas": [USER],
    "userName": "bjensen",
    "externalId": "bjensen",
    "name": {"formatted": "Ms. Barbara J Jensen III", "familyName": "Jensen", "givenName": "Barbara"},
}
HOLLYWOOD = {
    "type": "work", "streetAddress": "911 Universal City Plaza", "locality": "Hollywood", "region": "CA", "postalCode": "91608",
    "country": "US", "formatted": "911 Universal City Plaza\nHollywood, CA 91608 US", "primary": True,
}  # fmt: skip


@pytest.fixture
def idp(acme) -> Scim:
    return Scim(scim_client(acme, "generic"))


def without_version(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name != "meta"}


# RFC 7644 §3.4.2.1–2, figure 2; in quotes or, as §3.4.2.1 writes it, without.
FILTERS = [
    ('userName eq "bjensen"', ["bjensen"]),
    ('Username Eq "BJENSEN"', ["bjensen"]),
    ('name.familyName co "O\'Malley"', ["bjensen"]),
    ('userName sw "J"', ["Jsmith"]),
    (f'{USER}:userName sw "J"', ["Jsmith"]),
    ("title pr", ["bjensen"]),
    ('meta.lastModified gt "2011-05-13T04:42:34Z"', ["bjensen", "Jsmith"]),
    ('meta.lastModified ge "2011-05-13T04:42:34Z"', ["bjensen", "Jsmith"]),
    ('meta.lastModified lt "2011-05-13T04:42:34Z"', []),
    ('meta.lastModified le "2011-05-13T04:42:34Z"', []),
    ('title pr and userType eq "Employee"', ["bjensen"]),
    ('title pr or userType eq "Intern"', ["bjensen", "Jsmith"]),
    (f'schemas eq "{ENTERPRISE}"', ["Jsmith"]),
    ('userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")', ["bjensen"]),
    ('userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")', ["Jsmith"]),
    ('userType eq "Employee" and (emails.type eq "work")', ["bjensen"]),
    ('userType eq "Employee" and emails[type eq "work" and value co "@example.com"]', ["bjensen"]),
    (
        'emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]',
        ["bjensen", "Jsmith"],
    ),
    ("meta.resourceType eq User", ["bjensen", "Jsmith"]),
]


def test_each_filter_of_the_rfc_finds_whom_it_describes(idp):
    idp.create(
        "bjensen", title="Tour Guide", userType="Employee", name={"familyName": "O'Malley"},
        emails=[{"type": "work", "value": "bjensen@example.com"}, {"type": "home", "value": "babs@jensen.org"}],
    )  # fmt: skip
    idp.create(
        "Jsmith", userType="Intern", ims=[{"type": "xmpp", "value": "j@foo.com"}], **{ENTERPRISE: {"employeeNumber": "1"}}
    )  # fmt: skip
    idp.create_group("Tour Guides")
    found = {}
    for text, _ in FILTERS:
        answer = idp.get(f"/Users?filter={quote(text)}")
        assert answer.status == 200, (text, answer)
        found[text] = [each["userName"] for each in answer.body["Resources"]]
    assert found == dict(FILTERS)
    both = idp.get(f"/?filter={quote('(meta.resourceType eq User) or (meta.resourceType eq Group)')}").body
    assert [each["meta"]["resourceType"] for each in both["Resources"]] == ["User", "User", "Group"]


def test_creating_reading_and_replacing_as_in_3_3_to_3_5_1(idp):
    made = idp.post("/Users", BJENSEN)
    path = f"/Users/{made.body['id']}"
    assert (made.status, made.headers["Location"]) == (201, made.body["meta"]["location"])
    assert idp.get(path, **{"If-None-Match": made.headers["ETag"]}).status == 304
    assert idp.get("/Users?attributes=userName").body["Resources"] == [
        {"schemas": [USER], "id": made.body["id"], "userName": "bjensen"}
    ]
    wanted = BJENSEN | {
        "id": made.body["id"],
        "name": BJENSEN["name"] | {"middleName": "Jane"},  # type: ignore[operator]
        "roles": [],
        "emails": [{"value": "bjensen@example.com"}, {"value": "babs@jensen.org"}],
    }
    put = idp.put(path, wanted)
    assert put.status == 200
    del wanted["roles"]
    assert without_version(idp.get(path).body) == without_version(put.body) == wanted | {"active": True}
    # §3.12, and the id of another in an address of ours
    assert (
        idp.put(path, wanted | {"id": "2819c223-7f76-453a-919d-413861904646"}).body["scimType"]
        == "mutability"
    )
    # §3.6
    assert idp.delete(path, **{"If-Match": made.headers["ETag"]}).status == 412
    assert idp.delete(path, **{"If-Match": put.headers["ETag"]}).status == 204
    assert (idp.get(path).status, idp.delete(path).body["status"]) == (404, "404")


# RFC 7644 §3.5.2.1–3, one after the other on one person: the operation, and the attributes that it changes.
STEPS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"op": "add", "value": {"emails": [{"value": "babs@jensen.org", "type": "home"}], "nickname": "Babs"}},
        {"emails": [{"value": "babs@jensen.org", "type": "home"}], "nickName": "Babs"},
    ),
    (
        {"op": "replace", "value": {"emails": [{"value": "bjensen@example.com", "type": "work", "primary": True},
                                               {"value": "babs@jensen.org", "type": "home"}], "nickname": "Babs"}},
        {"emails": [{"value": "bjensen@example.com", "type": "work", "primary": True}, {"value": "babs@jensen.org", "type": "home"}]},
    ),
    ({"op": "replace", "path": 'addresses[type eq "work"]', "value": HOLLYWOOD}, {"addresses": [HOLLYWOOD]}),
    (
        {"op": "replace", "path": 'addresses[type eq "work"].streetAddress', "value": "1010 Broadway Ave"},
        {"addresses": [HOLLYWOOD | {"streetAddress": "1010 Broadway Ave"}]},
    ),
    (
        {"op": "remove", "path": 'emails[type eq "work" and value ew "example.com"]'},
        {"emails": [{"value": "babs@jensen.org", "type": "home"}]},
    ),
    ({"op": "add", "path": "name.familyName", "value": "Jensen-Smith"}, {"name": BJENSEN["name"] | {"familyName": "Jensen-Smith"}}),  # type: ignore[operator]
]  # fmt: skip


def test_patching_a_person_as_in_3_5_2(idp):
    path = f"/Users/{idp.post('/Users', BJENSEN).body['id']}"
    wanted = without_version(idp.get(path).body)
    for operation, changed in STEPS:
        answer = idp.patch(path, operation)
        wanted |= changed
        assert (answer.status, without_version(answer.body)) == (200, wanted), operation
        assert idp.get(path).body == answer.body


def test_patching_a_group_as_in_3_5_2(idp):
    babs, james = idp.create("bjensen")["id"], idp.create("jsmith")["id"]
    path = f"/Groups/{idp.create_group('Tour Guides')['id']}"
    one = {"display": "Babs Jensen", "$ref": f"https://example.com/v2/Users/{babs}", "value": babs}
    other = {"display": "James Smith", "$ref": f"https://example.com/v2/Users/{james}", "value": james}
    leave_one = {
        "op": "remove",
        "path": f'members[value eq"{babs}"]',
    }  # without the blank, as §3.5.2.2 has it
    steps = [
        ([{"op": "add", "path": "members", "value": [one]}], [babs]),
        ([leave_one, {"op": "add", "path": "members", "value": [other]}], [james]),
        ([{"op": "remove", "path": "members"}, {"op": "add", "path": "members", "value": [one, other]}], [babs, james]),
        ([{"op": "replace", "path": "members", "value": [other]}], [james]),
        ([{"op": "replace", "path": "members", "value": [one, other]}], [babs, james]),
        ([{"op": "remove", "path": f'members[value eq "{babs}"]'}], [james]),
        ([{"op": "remove", "path": "members"}], []),
    ]  # fmt: skip
    for operations, members in steps:
        answer = idp.patch(path, *operations)
        assert [each["value"] for each in answer.body["members"]] == members, (operations, answer)
        assert idp.get(path).body == answer.body
    # A member's name is the member's own: §3.5.2 shows this path, and §8.7.1 of RFC 7643 no such part.
    refused = idp.patch(
        path, {"op": "replace", "path": f'members[value eq "{babs}"].displayName', "value": "x"}
    )
    assert (refused.status, refused.body["scimType"]) == (400, "invalidPath")


def test_searching_as_in_3_4_3_and_with_cursors_as_in_rfc_9865(idp):
    made = [idp.create(f"s{number}", displayName=f"smith {number}")["id"] for number in range(3)]
    idp.create("bjensen", displayName="Babs")
    asked = {
        "schemas": [SEARCH], "attributes": ["displayName", "userName"], "filter": 'displayName sw "smith"', "startIndex": 1, "count": 10,
    }  # fmt: skip
    found = idp.post("/.search", asked).body
    assert (found["totalResults"], [each["id"] for each in found["Resources"]]) == (3, made)
    assert set(found["Resources"][0]) == {"schemas", "id", "displayName", "userName"}
    del asked["startIndex"]
    first = idp.post("/User/.search", asked | {"cursor": "", "count": 2}).body
    assert [each["id"] for each in first["Resources"]] == made[:2]
    rest = idp.post("/Users/.search", asked | {"cursor": first["nextCursor"], "count": 2}).body
    assert ([each["id"] for each in rest["Resources"]], "nextCursor" in rest) == (made[2:], False)
    page = idp.get("/Users?filter=userName%20sw%20S&cursor&count=2").body
    assert (
        idp.get(f"/Users?filter=userName%20sw%20S&cursor={page['nextCursor']}&count=10").body["Resources"][0][
            "id"
        ]
        == made[2]
    )
    unknown = idp.get("/Users?filter=userName%20sw%20J&cursor=VZUTiyhEQJ94IR&count=10")
    assert (unknown.status, unknown.body["scimType"]) == (400, "invalidCursor")


def bulk(idp: Scim, *operations: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    answer = idp.post("/Bulk", {"schemas": [BULK], "Operations": operations, **more})
    assert answer.status == 200, answer
    results: list[dict[str, Any]] = answer.body["Operations"]
    return results


def creation(kind: str, bulk_id: str, **data: Any) -> dict[str, Any]:
    schema = USER if kind == "Users" else GROUP
    return {"method": "POST", "path": f"/{kind}", "bulkId": bulk_id, "data": {"schemas": [schema], **data}}


def test_bulk_as_in_3_7_2_resolves_what_it_names(idp):
    alice = creation("Users", "qwerty", userName="Alice")
    guides = creation(
        "Groups", "ytrewq", displayName="Tour Guides", members=[{"type": "User", "value": "bulkId:qwerty"}]
    )
    assert [each["status"] for each in bulk(idp, alice, guides)] == ["201", "201"]
    (group,) = idp.get("/Groups?attributes=members.value").body["Resources"]
    (person,) = idp.get("/Users").body["Resources"]
    assert group["members"] == [{"value": person["id"]}]

    manager = {"employeeNumber": "11250", "manager": {"value": "bulkId:qwerty"}}
    bob = creation("Users", "ytrewq", userName="Bob", **{ENTERPRISE: manager})
    bob["data"]["schemas"].append(ENTERPRISE)
    results = bulk(idp, creation("Users", "qwerty", userName="Carol"), bob)
    assert [each["status"] for each in results] == ["201", "201"]
    shown = idp.get(f"/Users/{results[1]['location'].rpartition('/')[2]}").body
    assert shown[ENTERPRISE]["manager"]["value"] == results[0]["location"].rpartition("/")[2]


def test_bulk_as_in_3_7_3_does_four_things_or_refuses_each(idp):
    bob, dave, gone = (idp.create(name, nickName=name) for name in ("b", "d", "g"))
    alice = creation("Users", "qwerty", userName="Alice")
    alice["data"]["schemas"] = ["urn:ietf:params:scim:api:messages:2.0:User"]  # so it stands there
    patched = [{"op": "remove", "path": "nickName"}, {"op": "add", "path": "userName", "value": "Dave"}]

    def asked(version: str) -> list[dict[str, Any]]:
        replaced = {"schemas": [USER], "id": bob["id"], "userName": "Bob"}
        return [
            alice,
            {"method": "PUT", "path": f"/Users/{bob['id']}", "version": version, "data": replaced},
            {"method": "PATCH", "path": f"/Users/{dave['id']}", "version": version, "data": patched},
            {"method": "DELETE", "path": f"/Users/{gone['id']}", "version": version},
        ]

    assert [each["status"] for each in bulk(idp, *asked('W/"7"'), failOnErrors=1)] == ["201", "412"]
    idp.delete(f"/Users/{idp.get('/Users?filter=userName%20eq%20%22Alice%22').body['Resources'][0]['id']}")
    assert [each["status"] for each in bulk(idp, *asked('W/"1"'), failOnErrors=1)] == [
        "201",
        "200",
        "200",
        "204",
    ]
    names = {each["userName"]: each.get("nickName") for each in idp.get("/Users").body["Resources"]}
    assert names == {"Alice": None, "Bob": None, "Dave": None}


def test_bulk_as_in_3_7_1_refuses_groups_that_are_in_each_other(idp):
    # The RFC lets a server resolve them or say 409: no group is in itself here (docs/decisions/nested-groups.md).
    one = creation(
        "Groups", "qwerty", displayName="Group A", members=[{"type": "Group", "value": "bulkId:ytrewq"}]
    )
    other = creation(
        "Groups", "ytrewq", displayName="Group B", members=[{"type": "Group", "value": "bulkId:qwerty"}]
    )
    assert [each["status"] for each in bulk(idp, one, other)] == ["409", "409"]
    assert idp.get("/Groups").body["totalResults"] == 0


def test_the_resources_of_rfc_7643_8_can_be_created(idp):
    # 8.1 is in 8.3; what the server says of itself is left out of what it is sent.
    whole = golden_files.load("rfc7643-8.3-user-create")
    made = idp.post("/Users", whole["body"] | {"id": "2819c223-7f76-453a-919d-413861904646"})
    assert (made.status, made.body | whole["after"]) == (201, made.body)
    members = [{"value": made.body["id"], "$ref": "https://example.com/v2/Users/1", "display": "Babs Jensen"},
               {"value": "902c246b-6245-4190-8e05-00816be7344a", "display": "Mandy Pepperidge"}]  # fmt: skip
    group = idp.post(
        "/Groups", {"schemas": [GROUP], "id": "e9e30dba", "displayName": "Tour Guides", "members": members}
    )
    assert (group.status, [each["value"] for each in group.body["members"]]) == (201, [made.body["id"]])
