"""An organization's own schemas: defined by API, seen and obeyed by its directories at once, and by nobody else's."""

import pytest

from identity import tenancy, tokens
from identity.models import Member
from scim import registry
from scim.own_schemas import define, delete
from tests.api.client import token_of
from tests.conftest import SETUP, scim_client
from tests.scim.talk import Scim

URN = "urn:acme:scim:schemas:hr:2.0:User"
ATTRIBUTES = [
    {"name": "badge", "caseExact": True},
    {"name": "tier", "canonicalValues": ["bronze", "silver", "gold"]},
    {"name": "level", "type": "integer"},
    {"name": "rate", "type": "decimal"},
    {"name": "joined", "type": "dateTime"},
    {"name": "remote", "type": "boolean"},
    {"name": "tags", "multiValued": True},
    {"name": "desk", "type": "complex", "subAttributes": [{"name": "floor", "type": "integer"}, {"name": "room", "required": True}]},
    {"name": "phones", "type": "complex", "multiValued": True,
     "subAttributes": [{"name": "value"}, {"name": "type"}, {"name": "primary", "type": "boolean"}, {"name": "$ref", "type": "reference"}]},
    {"name": "birth", "mutability": "immutable"},
    {"name": "score", "mutability": "readOnly", "type": "integer"},
    {"name": "pin", "mutability": "writeOnly"},
    {"name": "note", "returned": "request"},
    {"name": "key", "returned": "always"},
]  # fmt: skip
FULL = {
    "badge": "B-1", "tier": "Gold", "level": 3, "rate": 0.1, "joined": "2026-01-31T12:00:00+01:00", "remote": True, "tags": ["red", "Blue"],
    "desk": {"floor": 2, "room": "2.14"}, "birth": "1990-05-01", "key": "k",
    "phones": [{"value": "12", "type": "desk", "primary": True, "$ref": "tel:12"}],
}  # fmt: skip
HIDDEN = {"pin": "0000", "note": "left-handed"}


@pytest.fixture
def schema(acme):
    return define(acme, urn=URN, name="HR", attributes=ATTRIBUTES, actor=SETUP)


@pytest.fixture
def idp(okta, schema):
    return Scim(okta)


def profile_of(acme, id_):
    with tenancy.of(acme):
        return Member.objects.get(pk=id_).profile


def test_what_is_defined_by_api_is_in_schemas_and_resource_types(acme, ada, okta, globex):
    api, idp = token_of(ada), Scim(okta)
    before = len(idp.get("/Schemas").body["Resources"])
    body = {"urn": URN, "name": "HR", "description": "What HR knows", "attributes": ATTRIBUTES}
    made = api.post("/organizations/acme/schemas", body)
    assert made.status_code == 201, made.content
    shown = idp.get(f"/Schemas/{URN}").body
    assert (shown["id"], shown["name"], shown["description"]) == (URN, "HR", "What HR knows")
    by_name = {each["name"]: each for each in shown["attributes"]}
    assert by_name["badge"]["caseExact"] is True
    assert by_name["tier"]["canonicalValues"] == ["bronze", "silver", "gold"]
    assert by_name["pin"]["returned"] == "never"
    assert by_name["desk"]["subAttributes"][1]["required"] is True
    assert len(idp.get("/Schemas").body["Resources"]) == before + 1
    user = idp.get("/ResourceTypes/User").body
    assert {"schema": URN, "required": False} in user["schemaExtensions"]
    # What /Schemas shows can be sent back as a definition.
    address = f"/organizations/acme/schemas/{made.json()['id']}"
    again = {"name": "HR", "description": "What HR knows", "attributes": shown["attributes"]}
    assert api.put(address, again).json()["changed_at"] == made.json()["changed_at"]
    assert URN not in str(Scim(scim_client(globex)).get("/Schemas").body)
    assert api.delete(address).status_code == 204
    assert idp.get(f"/Schemas/{URN}").status == 404
    assert [each["id"] for each in api.get("/organizations/acme/schemas").json()["items"]] == []


def test_values_go_in_and_come_back_as_they_were(acme, idp):
    made = idp.create("mei@example.org", **{URN: {**FULL, **HIDDEN, "score": 9}})
    assert made[URN] == {**FULL, "note": "left-handed"}
    assert URN in made["schemas"]
    held = profile_of(acme, made["id"])[URN]
    # What is never shown is not kept either: a digest stands in its place (test_hidden_values).
    assert held == {**FULL, **HIDDEN, "pin": held["pin"]}
    person = f"/Users/{made['id']}"
    assert idp.get(person).body[URN] == FULL
    assert idp.get(f"{person}?attributes={URN}:note,{URN}:pin").body[URN] == {
        "note": "left-handed",
        "key": "k",
    }
    assert idp.get(f"{person}?attributes=userName").body[URN] == {"key": "k"}
    assert idp.get(f"{person}?attributes={URN}").body[URN] == {**FULL, "note": "left-handed"}
    assert idp.get(f"{person}?excludedAttributes={URN}").body[URN] == {"key": "k"}
    assert "desk" not in idp.get(f"{person}?excludedAttributes={URN}:desk").body[URN]
    # Okta reads and puts back: what it could not see stays.
    echo = idp.get(person).body
    assert idp.put(person, echo).body == echo
    assert profile_of(acme, made["id"])[URN] == held


WRONG = [
    ({"level": "high"}, "level", "value_wrong"), ({"tier": "platinum"}, "tier", "value_wrong"), ({"remote": 7}, "remote", "value_wrong"),
    ({"joined": "soon"}, "joined", "value_wrong"), ({"desk": {"floor": 1}}, "desk.room", "value_required"),
    ({"desk": {"floor": "x", "room": "1"}}, "desk.floor", "value_wrong"), ({"badge": "x" * 5000}, "badge", "value_too_long"),
    ({"tags": ["x"] * 501}, "tags", "too_many_values"), ("x", "", "value_wrong"), ({"phones": [[]]}, "phones", "value_wrong"),
    ({"level": 10**400}, "level", "value_wrong"), ({"rate": 10**30}, "rate", "value_wrong"),
]  # fmt: skip


def test_a_wrong_value_is_refused_with_its_path(idp):
    person = f"/Users/{idp.create('mei')['id']}"
    for value, path, code in WRONG:
        for answer in (
            idp.post("/Users", {"userName": "new", URN: value}),
            idp.put(person, {"userName": "mei", URN: value}),
            idp.patch(person, {"op": "add", "value": {URN: value}}),
            idp.patch(person, {"op": "replace", "path": URN, "value": value}),
        ):
            assert (answer.status, answer.body["scimType"], answer.code) == (400, "invalidValue", code), value
            assert (f"{URN}:{path}" if path else URN) in answer.body["detail"]


def test_what_is_set_once_stays(acme, idp):
    person = f"/Users/{idp.create('mei')['id']}"
    path = f"{URN}:birth"
    assert idp.patch(person, {"op": "add", "path": path, "value": "1990"}).body[URN] == {"birth": "1990"}
    assert idp.patch(person, {"op": "replace", "path": path, "value": "1990"}).status == 200
    for act in (
        lambda: idp.patch(person, {"op": "replace", "path": path, "value": "1991"}),
        lambda: idp.patch(person, {"op": "remove", "path": path}),
        lambda: idp.patch(person, {"op": "remove", "path": URN}),
        lambda: idp.put(person, {"userName": "mei", URN: {"birth": "1991"}}),
    ):
        answer = act()
        assert (answer.status, answer.body["scimType"], answer.code) == (400, "mutability", "immutable")
    assert idp.put(person, {"userName": "mei"}).body[URN] == {"birth": "1990"}
    answer = idp.patch(person, {"op": "replace", "path": f"{URN}:score", "value": 1})
    assert (answer.status, answer.code) == (400, "read_only")


def test_what_is_shown_on_request_answers_whoever_wrote_it(okta, schema):
    """RFC 7643 §7: it is returned "in response to any PUT, POST, or PATCH operations if the attribute was specified by the client"."""
    idp = Scim(okta)
    made = idp.create("mei", **{URN: {"badge": "1", "note": "a"}})
    assert made[URN] == {"badge": "1", "note": "a"}
    person = f"/Users/{made['id']}"
    assert idp.get(person).body[URN] == {"badge": "1"}
    note = {"op": "replace", "path": f"{URN}:note", "value": "b"}
    assert idp.patch(person, note).body[URN] == {"badge": "1", "note": "b"}
    assert idp.patch(f"{person}?attributes={URN}:badge", note).body[URN] == {"badge": "1"}
    assert URN not in idp.patch(f"{person}?excludedAttributes={URN}", note).body
    assert idp.patch(person, {"op": "add", "path": "title", "value": "CEO"}).body[URN] == {"badge": "1"}
    assert idp.put(person, {"userName": "mei", URN: {"badge": "1"}}).body[URN] == {"badge": "1"}
    assert idp.put(person, {"userName": "mei", URN: {"note": "c"}}).body[URN] == {"note": "c"}
    assert idp.get(f"{person}?attributes={URN}:note").body[URN] == {"note": "c"}


def test_what_is_required_binds_whoever_uses_the_schema(acme, okta, schema, ada):
    idp, api = Scim(okta), token_of(ada)
    old = f"/Users/{idp.create('old', **{URN: {'badge': '1'}})['id']}"
    bare = f"/Users/{idp.create('bare')['id']}"
    stricter = [{**each, "required": each["name"] == "tier"} for each in ATTRIBUTES]
    address = f"/organizations/acme/schemas/{schema.pk}"
    assert api.put(address, {"name": "HR", "attributes": stricter}).status_code == 200
    assert idp.get(old).body[URN] == {"badge": "1"}
    assert idp.get(f"/Users?filter={URN}:badge eq %221%22").body["totalResults"] == 1
    assert idp.patch(old, {"op": "replace", "path": f"{URN}:badge", "value": "2"}).status == 200
    assert idp.patch(bare, {"op": "replace", "path": "title", "value": "x"}).status == 200
    for answer in (
        idp.patch(bare, {"op": "add", "path": f"{URN}:badge", "value": "2"}),
        idp.post("/Users", {"userName": "new", URN: {"badge": "1"}}),
        idp.put(old, {"userName": "old", URN: {"badge": "1"}}),
    ):
        assert (answer.status, answer.code) == (400, "value_required")
        assert f"{URN}:tier" in answer.body["detail"]
    assert idp.patch(old, {"op": "add", "path": f"{URN}:tier", "value": "gold"}).status == 200
    for value in ({"op": "remove"}, {"op": "replace", "value": None}):
        answer = idp.patch(old, {"path": f"{URN}:tier", **value})
        # RFC 7644 §3.5.2.2.
        assert (answer.status, answer.body["scimType"], answer.code) == (400, "mutability", "required_stays")
    assert idp.patch(old, {"op": "remove", "path": URN}).status == 200


def test_what_no_schema_names_any_more_is_kept_and_shown_to_nobody(acme, okta, schema):
    idp = Scim(okta)
    person = f"/Users/{idp.create('mei', **{URN: FULL})['id']}"
    delete(schema, actor=SETUP)
    delete(schema, actor=SETUP)
    read = idp.get(person).body
    assert URN not in read
    assert URN not in read["schemas"]
    assert URN not in idp.get(f"{person}?attributes=userName,{URN}:badge").body
    assert idp.get(f"/Users?filter={URN}:badge pr").code == "filter_unknown"
    assert idp.put(person, {"userName": "mei", "title": "x"}).status == 200
    assert idp.patch(person, {"op": "replace", "path": "title", "value": "y"}).status == 200
    smaller = [each for each in ATTRIBUTES if each["name"] != "desk"]
    again = define(acme, urn=URN, name="HR", attributes=smaller, actor=SETUP)
    assert idp.get(person).body[URN] == {name: value for name, value in FULL.items() if name != "desk"}
    delete(again, actor=SETUP)
    define(acme, urn=URN, name="HR", attributes=ATTRIBUTES, actor=SETUP)
    assert idp.get(person).body[URN] == FULL


OTHER_TYPES = [
    {"name": "badge", "type": "integer"}, {"name": "badge", "multiValued": True}, {"name": "tags"}, {"name": "level", "type": "boolean"},
    {"name": "tags", "type": "integer", "multiValued": True}, {"name": "desk"},
    {"name": "desk", "type": "complex", "subAttributes": [{"name": "room", "type": "integer"}]},
    {"name": "phones", "type": "complex", "subAttributes": [{"name": "value"}]},
]  # fmt: skip


def test_held_values_are_never_shown_as_another_type(acme, ada, okta, schema):
    idp, api = Scim(okta), token_of(ada)
    address = f"/organizations/acme/schemas/{schema.pk}"

    def put(changed):
        attributes = [changed if each["name"] == changed["name"] else each for each in ATTRIBUTES]
        return api.put(address, {"name": "HR", "attributes": attributes})

    assert {put(each).status_code for each in [*OTHER_TYPES, ATTRIBUTES[0]]} == {200}
    assert api.put(address, {"name": "HR", "attributes": ATTRIBUTES}).status_code == 200
    idp.create("mei", **{URN: FULL})
    for changed in OTHER_TYPES:
        index = next(at for at, each in enumerate(ATTRIBUTES) if each["name"] == changed["name"])
        answer = put(changed)
        assert (answer.status_code, answer.json()["field"]) == (400, f"attributes[{index}].type"), changed
    assert idp.get("/Users").body["Resources"][0][URN] == FULL


def test_every_process_works_by_the_latest_definition(acme, okta, schema):
    """The version comes with the token, so what another process has replaced is compiled anew; what has not is not."""
    idp = Scim(okta)
    idp.create("mei", **{URN: {"badge": "1"}})
    registry._compiled.cache_clear()
    for _ in range(3):
        idp.get("/Users")
    assert registry._compiled.cache_info().misses == 1
    delete(schema, actor=SETUP)
    assert idp.get(f"/Users?filter={URN}:badge pr").code == "filter_unknown"
    assert registry._compiled.cache_info().misses == 2


def test_a_bare_name_and_a_bulk_request_reach_it_too(idp):
    """Entra and OneLogin write attributes of extensions at the top."""
    assert idp.create("flat", badge="B-9", level="4")[URN] == {"badge": "B-9", "level": 4}
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "bulk", URN: {"level": 5}}}
    ]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    assert idp.post("/Bulk", body).body["Operations"][0]["status"] == "201"
    search = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": f"{URN}:level ge 4",
        "attributes": [f"{URN}:level"],
    }
    for path in ("/Users/.search", "/.search"):
        assert [each[URN] for each in idp.post(path, search).body["Resources"]] == [
            {"level": 4},
            {"level": 5},
        ]


def test_people_see_of_themselves_what_a_directory_would(acme, idp):
    id_ = idp.create("mei", **{URN: {**FULL, **HIDDEN}})["id"]
    with tenancy.of(acme):
        member = Member.objects.get(pk=id_)
    me, held = Scim(tokens.issue(member, actor=SETUP, scopes=["own_profile"])[1]), profile_of(acme, id_)[URN]
    seen = me.get("/Me").body
    assert seen[URN] == FULL
    assert me.put("/Me", {**seen, "nickName": "M"}).body["nickName"] == "M"
    assert profile_of(acme, id_)[URN] == held
    assert me.put("/Me", {**seen, URN: {"badge": "mine"}}).status == 403


def test_a_post_that_brings_somebody_back_keeps_what_its_sender_cannot_see(acme, idp):
    """As a PUT does; and what is set once is said anew by who creates anew."""
    made = idp.create("mei", externalId="1", **{URN: FULL | HIDDEN})
    before = profile_of(acme, made["id"])[URN]
    idp.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False})
    again = idp.post("/Users", {"userName": "mei", "externalId": "1", URN: {"badge": "B-2", "pin": "1111"}})
    assert (again.status, again.body["id"]) == (201, made["id"])
    assert again.body[URN]["badge"] == "B-2"
    assert "tier" not in again.body[URN]
    held = profile_of(acme, made["id"])[URN]
    assert (held["pin"] != before["pin"], held["note"]) == (True, "left-handed")
