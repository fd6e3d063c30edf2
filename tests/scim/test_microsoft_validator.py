"""Microsoft's SCIM Validator: its 25 required and 7 preview tests, as captured runs of it show them, each with its effect read back.

It learns the attributes from /Schemas, sends a value for each, and wants every one of them back unchanged; without that it sends a body
of its own, with the text "True" where `primary` is due. Captured runs: pranems/SCIMServer, docs/ and its test of the same name.
"""

from itertools import count
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import scim_client
from tests.scim.talk import Scim

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MANAGER = f"{ENTERPRISE}:manager"
NUMBERS = count()


@pytest.fixture(params=["generic", "entra", "entra_scim2"])
def idp(request, acme) -> Scim:
    return Scim(scim_client(acme, request.param))


def word() -> str:
    return f"NDSQQTECV{next(NUMBERS):03}"


def value_for(attribute: dict[str, Any], *, one: bool = False) -> Any:
    """Return a value of the type that /Schemas says."""
    if attribute["multiValued"] and not one:
        return [value_for(attribute, one=True)]
    if attribute["type"] == "complex":
        return {
            each["name"]: value_for(each)
            for each in attribute["subAttributes"]
            if each["mutability"] != "readOnly"
        }
    listed = attribute.get("canonicalValues")
    made: dict[str, Any] = {
        "boolean": True, "integer": 7, "decimal": 1.5, "dateTime": "2026-01-31T12:00:00Z", "binary": "QUJD",
    }  # fmt: skip
    return listed[0] if listed else made.get(attribute["type"], word())


def discovered(idp: Scim) -> dict[str, Any]:
    """Return a person with a value for every attribute that /Schemas lets a client write."""
    schemas = {each["id"]: each["attributes"] for each in idp.get("/Schemas").body["Resources"]}
    kind = idp.get("/ResourceTypes/User").body
    extensions = [each["schema"] for each in kind["schemaExtensions"]]
    filled = {
        urn: {each["name"]: value_for(each) for each in schemas[urn] if each["mutability"] == "readWrite"}
        for urn in (kind["schema"], *extensions)
    }
    return filled.pop(kind["schema"]) | filled | {"active": True}


def captured(**more: Any) -> dict[str, Any]:
    """Return the person whom the validator makes up by itself."""
    return {
        "schemas": [USER, ENTERPRISE],
        "userName": f"{word().lower()}@ondricka.example",
        "active": True,
        "displayName": word(),
        "emails": [{"type": "work", "value": "thaddeus@hammes.example", "primary": True}],
        "preferredLanguage": "hi",
        "name": {"givenName": "Elfrieda", "familyName": "Urban", "formatted": "Myah", "honorificPrefix": "Minerva"},
        "addresses": [{"type": "work", "formatted": "ZQEHBLETAAQE", "postalCode": "cx47 4mz", "primary": True}],
        "phoneNumbers": [{"type": each, "value": "10-040-1308"} for each in ("work", "mobile", "fax")],
        "roles": [{"primary": "True", "display": word(), "value": word(), "type": word()}],
        "timezone": "America/Guayaquil",
        "profileUrl": "BAPNQLJSRQGD",
        ENTERPRISE: {"employeeNumber": word(), "department": word(), "manager": {"value": word()}},
        **more,
    }  # fmt: skip


def found_by(idp: Scim, endpoint: str, name: str, value: str) -> dict[str, Any]:
    listed: dict[str, Any] = idp.get(f"{endpoint}filter=" + quote(f'{name} eq "{value}"')).body
    assert len(listed["Resources"]) == listed["totalResults"]
    return listed


def shown_of(person: dict[str, Any], *, like: dict[str, Any]) -> dict[str, Any]:
    return {name: person.get(name) for name in like}


def test_every_discovered_attribute_comes_back_from_post_and_patch(idp):
    first, second = discovered(idp), discovered(idp)
    assert len(first) > 20
    made = idp.post("/Users", first | {"schemas": [USER, ENTERPRISE]})
    assert made.status == 201, made
    found = found_by(idp, "/Users?", "userName", first["userName"])["Resources"]
    assert [shown_of(each, like=first) for each in found] == [first]
    paths = {
        **{name: value for name, value in second.items() if not name.startswith("urn:")},
        **{
            f"{urn}:{name}": value
            for urn, held in second.items()
            if urn.startswith("urn:")
            for name, value in held.items()
        },
    }
    path = f"/Users/{made.body['id']}"
    answer = idp.patch(
        path, *({"op": "replace", "path": name, "value": value} for name, value in paths.items())
    )
    assert (answer.status, shown_of(answer.body, like=second)) == (200, second)
    assert idp.get(path).body == answer.body


def test_a_person_is_created_once_found_in_any_case_and_deleted_once(idp):
    sent = captured()
    made = idp.post("/Users", sent)
    assert (made.status, made.headers["Location"], made.body["schemas"]) == (
        201,
        made.body["meta"]["location"],
        sent["schemas"],
    )
    sent["roles"][0]["primary"] = True
    assert shown_of(made.body, like=sent) == sent
    again = idp.post("/Users", sent)
    assert (again.status, again.body["scimType"], again.headers["Content-Type"]) == (
        409,
        "uniqueness",
        "application/scim+json",
    )
    for name, total in ((sent["userName"], 1), (sent["userName"].upper(), 1), ("nobody@ondricka.example", 0)):
        assert found_by(idp, "/Users?", "userName", name)["totalResults"] == total
    path = f"/Users/{made.body['id']}"
    assert [idp.delete(each).status for each in (path, path, "/Users/01234")] == [204, 404, 404]
    assert idp.get(path).body["status"] == "404"


def added(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def test_a_person_is_patched_attribute_by_attribute_and_all_at_once(idp):
    path = f"/Users/{idp.create('bare@ondricka.example')['id']}"
    parts = ("display", "value", "type")
    verbose = [
        added("displayName", "D"), added("name.givenName", "G"), added("preferredLanguage", "pa"),
        added(f"{ENTERPRISE}:employeeNumber", "N"), added('emails[type eq "work"].value', "a@hammes.example"),
        added('emails[type eq "work"].primary', True),
        *(added(f'phoneNumbers[type eq "{each}"].value', "1") for each in ("work", "mobile", "fax")),
        *(added(f'roles[primary eq "True"].{each}', each) for each in parts), added(MANAGER, {"value": "M"}),
    ]  # fmt: skip
    wanted = {
        "displayName": "D", "name": {"givenName": "G"}, "preferredLanguage": "pa",
        "emails": [{"type": "work", "value": "a@hammes.example", "primary": True}],
        "phoneNumbers": [{"type": each, "value": "1"} for each in ("work", "mobile", "fax")],
        "roles": [{"primary": True} | {each: each for each in parts}], ENTERPRISE: {"employeeNumber": "N", "manager": {"value": "M"}},
    }  # fmt: skip
    assert shown_of(idp.patch(path, *verbose).body, like=wanted) == wanted
    at_once = {
        "userName": "other@ondricka.example", "name.givenName": "G2", 'emails[type eq "work"].value': "b@hammes.example",
        'roles[primary eq "True"].value': "R2", f"{ENTERPRISE}:department": "D2",
    }  # fmt: skip
    changed = idp.patch(path, {"op": "replace", "value": at_once}).body
    assert (changed["userName"], changed["name"], changed["emails"][0]["value"], changed["roles"][0]["value"]) == (
        "other@ondricka.example", {"givenName": "G2"}, "b@hammes.example", "R2"
    )  # fmt: skip
    for value, manager in (
        ({"value": "M2"}, {"value": "M2"}),
        ({"value": ""}, None),
        ("M3", {"value": "M3"}),
        ("", None),
    ):
        answer = idp.patch(path, {"op": "replace", "path": MANAGER, "value": value})
        assert (answer.status, answer.body[ENTERPRISE].get("manager")) == (200, manager)
    several = [
        {"op": "remove", "path": "externalId"},
        added("externalId", "x1"),
        {"op": "replace", "path": "externalId", "value": "x2"},
    ]
    answer = idp.patch(
        path,
        {"op": "remove", "path": "preferredLanguage"},
        *several,
        {"op": "replace", "path": "active", "value": False},
    )
    assert (answer.body["externalId"], answer.body["active"], "preferredLanguage" in answer.body) == (
        "x2",
        False,
        False,
    )
    assert idp.get(path).body == answer.body


def test_a_group_is_created_found_patched_and_deleted(idp):
    one, other = (idp.post("/Users", captured()).body["id"] for _ in range(2))
    sent = {"schemas": [GROUP], "displayName": "NUSHDROHXPIN", "externalId": "0a0d3e51"}
    made = idp.post("/Groups", sent)
    assert (made.status, shown_of(made.body, like=sent)) == (201, sent)
    assert idp.post("/Groups", sent).body["scimType"] == "uniqueness"
    path = f"/Groups/{made.body['id']}"
    asked = (
        ("displayName", "NUSHDROHXPIN", 1), ("displayName", "nushdrohxpin", 1), ("externalId", "0a0d3e51", 1), ("displayName", "x", 0),
    )  # fmt: skip
    for name, value, total in asked:
        found = found_by(idp, "/Groups?excludedAttributes=members&", name, value)
        assert (found["totalResults"], any("members" in each for each in found["Resources"])) == (
            total,
            False,
        )
    leave = {"op": "remove", "path": f'members[value eq "{one}"]'}
    steps = [
        ({"op": "replace", "value": {"displayName": "WUZPWMBDDCGI"}}, []),
        ({"op": "replace", "value": {"externalId": "663fa3a8"}}, []),
        ({"op": "replace", "path": "members", "value": [{"value": one}, {"value": other}]}, [one, other]),
        (leave, [other]),
    ]  # fmt: skip
    for operation, members in steps:
        assert idp.patch(path, operation).status in {200, 204}
        assert [each["value"] for each in idp.get(path).body["members"]] == members
    assert idp.patch(path, added("members", [{"value": one}]), leave).status in {200, 204}
    back = idp.get(path).body
    assert (back["displayName"], back["externalId"], len(back["members"])) == ("WUZPWMBDDCGI", "663fa3a8", 1)
    assert [idp.delete(each).status for each in (path, path, "/Groups/01234")] == [204, 404, 404]
