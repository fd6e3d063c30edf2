"""Own schemas over the REST API: what may be defined, and a refusal with its place for everything else."""

import json

import pytest

from identity.roles import CAPABILITIES
from tests.api.client import recorded, token_of

PATH = "/organizations/acme/schemas"
GOOD = {"urn": "urn:acme:hr:2.0:User", "name": "HR", "attributes": [{"name": "badge"}]}


def test_a_definition_is_told_whole_and_recorded(acme, ada):
    api = token_of(ada)
    made = api.post(PATH, {**GOOD, "attributes": [{"name": "home", "type": "reference"}]}).json()
    assert made["attributes"] == [
        {
            "name": "home", "type": "reference", "description": "", "required": False, "caseExact": True, "uniqueness": "none",
            "referenceTypes": ["external"], "multiValued": False, "mutability": "readWrite", "returned": "default",
        }
    ]  # fmt: skip
    assert api.get(f"{PATH}/{made['id']}").json() == made
    changed = api.put(f"{PATH}/{made['id']}", {"name": "People", "attributes": made["attributes"]}).json()
    assert (changed["name"], changed["urn"]) == ("People", GOOD["urn"])
    assert api.delete(f"{PATH}/{made['id']}").status_code == 204
    assert [api.send(each, f"{PATH}/{made['id']}", {}).status_code for each in ("GET", "DELETE")] == [
        404,
        404,
    ]
    entries = recorded(acme, "schema.define", "schema.change", "schema.delete")
    assert [(each["event"], each["subject"]["label"]) for each in entries] == [
        ("schema.define", GOOD["urn"]), ("schema.change", GOOD["urn"]), ("schema.delete", GOOD["urn"]),
    ]  # fmt: skip
    assert entries[1]["changes"] == {"name": ["HR", "People"]}


def attribute(**said):
    return {"attributes": [{"name": "a"}, {"name": "b", **said}]}


PARTS = {"type": "complex", "subAttributes": [{"name": "x"}]}
WRONG = [
    ({"urn": "acme"}, "urn"), ({"urn": "urn:acme"}, "urn"), ({"urn": "urn:acme:"}, "urn"), ({"urn": "urn:acme:hr'; DROP TABLE x"}, "urn"),
    ({"urn": "urn:acme:%s"}, "urn"), ({"urn": "urn:acme:h\u00e4r"}, "urn"), ({"urn": "urn:acme:" + "x" * 300}, "urn"), ({"urn": 7}, "urn"),
    ({"urn": "urn:ietf:params:scim:schemas:core:2.0:User"}, "urn"), ({"urn": "urn:rollcall:x"}, "urn"),
    ({"urn": "URN:IETF:params:scim:schemas:extension:enterprise:2.0:User"}, "urn"), ({"urn": "urn:ietf:params:scim:api:messages:2.0:X"},
    "urn"),
    ({"name": ""}, "name"), ({"name": " "}, "name"), ({"name": "x" * 65}, "name"), ({"description": "x" * 501}, "description"),
    ({"attributes": []}, "attributes"), ({"attributes": [{"name": f"a{n}"} for n in range(101)]}, "attributes"), ({"attributes": {}},
    "attributes"),
    ({"attributes": [{}]}, "attributes[0].name"), ({"extra": 1}, "extra"), (attribute(name="A"), "attributes[1].name"),
    (attribute(name="x.y"), "attributes[1].name"), (attribute(name="$ref"), "attributes[1].name"), (attribute(name="a'b"),
    "attributes[1].name"),
    (attribute(name="%s"), "attributes[1].name"), (attribute(name="schemas"), "attributes[1].name"), (attribute(name="x" * 65),
    "attributes[1].name"),
    (attribute(type="text"), "attributes[1].type"), (attribute(type="complex"), "attributes[1].subAttributes"),
    (attribute(subAttributes=[{"name": "x"}]), "attributes[1].subAttributes"), (attribute(multiValued="yes"), "attributes[1].multiValued"),
    (attribute(required=True, mutability="readOnly"), "attributes[1].required"), (attribute(uniqueness="server"),
    "attributes[1].uniqueness"),
    (attribute(mutability="writeOnly", returned="default"), "attributes[1].returned"), (attribute(returned="often"),
    "attributes[1].returned"),
    (attribute(canonicalValues=[1]), "attributes[1].canonicalValues[0]"), (attribute(canonicalValues=[""]),
    "attributes[1].canonicalValues[0]"),
    (attribute(type="integer", canonicalValues=["1"]), "attributes[1].canonicalValues"),
    (attribute(canonicalValues=[str(n) for n in range(101)]), "attributes[1].canonicalValues"),
    (attribute(**PARTS | {"subAttributes": [{"name": "x", "multiValued": True}]}), "attributes[1].subAttributes[0].type"),
    (attribute(**PARTS | {"subAttributes": [{"name": "x", "type": "complex"}]}), "attributes[1].subAttributes[0].type"),
    (attribute(**PARTS | {"subAttributes": [{"name": "x", "mutability": "readOnly"}]}), "attributes[1].subAttributes[0].mutability"),
    (attribute(**PARTS | {"subAttributes": [{"name": "x", "returned": "never"}]}), "attributes[1].subAttributes[0].returned"),
    (attribute(**PARTS | {"subAttributes": [{"name": "$REF"}]}), "attributes[1].subAttributes[0].name"),
    (attribute(**PARTS | {"subAttributes": [{"name": "x"}, {"name": "X"}]}), "attributes[1].subAttributes[1].name"),
    (attribute(**PARTS | {"subAttributes": [{"name": f"x{n}"} for n in range(51)]}), "attributes[1].subAttributes"),
    (attribute(**PARTS | {"subAttributes": [{"name": "x", "subAttributes": []}]}), "attributes[1].subAttributes[0].subAttributes"),
]  # fmt: skip


def test_a_wrong_definition_is_refused_with_its_place(acme, ada):
    api = token_of(ada)
    for wrong, field in WRONG:
        answer = api.post(PATH, {**GOOD, **wrong})
        assert (answer.status_code, answer.json().get("field")) == (400, field), (wrong, answer.json())
    assert api.get(PATH).json()["items"] == []


def test_what_a_manual_of_entra_asks_for_can_be_defined(ada):
    urn = "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User"
    assert token_of(ada).post(PATH, {**GOOD, "urn": urn}).status_code == 201


def test_a_urn_comes_once_and_there_is_a_limit(ada):
    api = token_of(ada)
    assert api.post(PATH, GOOD).status_code == 201
    answer = api.post(PATH, {**GOOD, "urn": GOOD["urn"].upper().replace("URN:", "urn:")})
    assert (answer.status_code, answer.json()["field"]) == (409, "urn")
    for number in range(19):
        assert api.post(PATH, {**GOOD, "urn": f"urn:acme:{number}"}).status_code == 201
    answer = api.post(PATH, {**GOOD, "urn": "urn:acme:more"})
    assert (answer.status_code, answer.json()["field"]) == (400, "urn")


@pytest.mark.parametrize("scope", [each for each in CAPABILITIES if not each.startswith("directories.")])
def test_other_rights_do_not_reach_it(ada, scope):
    api = token_of(ada, scope)
    assert {api.get(PATH).status_code, api.post(PATH, GOOD).status_code} == {403}


def test_reading_is_not_writing(ada):
    made = token_of(ada).post(PATH, GOOD).json()
    api = token_of(ada, "directories.read")
    assert api.get(PATH).json()["items"] == [made]
    address = f"{PATH}/{made['id']}"
    refused = [api.post(PATH, GOOD), api.put(address, GOOD), api.delete(address)]
    assert {each.status_code for each in refused} == {403}


HOSTILE = [
    b"[" * 10_000, b'{"attributes":' * 1000, b'{"urn":"urn:a:b","urn":"urn:a:c"}', b'{"urn":"\\u0000"}', b'{"name":"\\ud800"}', b"\xff",
    json.dumps({**GOOD, "attributes": [{"name": "a", "subAttributes": [{"name": "a", "subAttributes": [{}] * 1000}] * 1000}] * 3}).encode(),
    json.dumps({**GOOD, "attributes": [[]] * 100}).encode(), json.dumps({**GOOD, "attributes": [None, 1, "x"]}).encode(),
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:20]))
def test_a_hostile_definition_is_refused(ada, body):
    api = token_of(ada)
    answer = api.client.post(
        f"/api/v1{PATH}", data=body, content_type="application/json", headers=api.headers
    )
    assert answer.status_code in {400, 413}
    assert answer["Content-Type"] == "application/problem+json"
