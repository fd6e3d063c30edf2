"""`attributes` and `excludedAttributes` choose what an answer shows (RFC 7644 §3.9)."""

from typing import Any

import pytest

from scim.projection import CHARACTERS_MAX, NAMES_MAX, compiled
from scim.schemas import GROUPS, USERS
from tests.conftest import scim_client
from tests.scim.talk import Scim

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
WHOLE: dict[str, Any] = {
    "schemas": [CORE, ENTERPRISE],
    "id": "1",
    "userName": "a",
    "name": {"givenName": "A", "familyName": "B"},
    "emails": [{"value": "a@x", "type": "work"}, {"type": "home"}],
    ENTERPRISE: {"department": "R", "manager": {"value": "2"}},
    "meta": {"resourceType": "User", "version": 'W/"1"'},
}
ALWAYS = {"schemas": WHOLE["schemas"], "id": "1"}


@pytest.mark.parametrize(
    ("attributes", "excluded", "shown"),
    [
        ("", "", WHOLE),
        ("userName", "", ALWAYS | {"userName": "a"}),
        ("USERNAME , nothing", "", ALWAYS | {"userName": "a"}),
        ("nothing", "", ALWAYS),
        (f"{CORE}:userName", "", ALWAYS | {"userName": "a"}),
        ("name.givenName,name.familyName", "", ALWAYS | {"name": WHOLE["name"]}),
        ("name.givenName,name", "", ALWAYS | {"name": WHOLE["name"]}),
        ("emails.value", "", ALWAYS | {"emails": [{"value": "a@x"}]}),
        ('emails[type eq "work"]', "", ALWAYS | {"emails": WHOLE["emails"]}),
        ('userName,emails[type eq "a,b"].value', "", ALWAYS | {"userName": "a", "emails": [{"value": "a@x"}]}),
        # Left out is only what is named: a filter chooses less than all.
        ("", 'emails[type eq "work"]', WHOLE),
        (f"{ENTERPRISE}:manager.value", "", ALWAYS | {ENTERPRISE: {"manager": {"value": "2"}}}),
        ("manager.value,name.department", "", ALWAYS | {ENTERPRISE: {"manager": {"value": "2"}}}),
        ("", "department", {**WHOLE, ENTERPRISE: {"manager": {"value": "2"}}}),
        (ENTERPRISE, "", ALWAYS | {ENTERPRISE: WHOLE[ENTERPRISE]}),
        ("meta.version", "", ALWAYS | {"meta": {"version": 'W/"1"'}}),
        ("", f"name,emails,meta,{ENTERPRISE}", ALWAYS | {"userName": "a"}),
        ("", f"id,schemas,userName,name.givenName,emails.type,meta,{ENTERPRISE}:manager",
         ALWAYS | {"name": {"familyName": "B"}, "emails": [{"value": "a@x"}], ENTERPRISE: {"department": "R"}}),
        ("userName,name", "name.givenName", ALWAYS | {"userName": "a", "name": {"familyName": "B"}}),
    ],
)  # fmt: skip
def test_the_chosen_attributes_are_shown(attributes: str, excluded: str, shown: dict[str, Any]) -> None:
    assert compiled(USERS, attributes, excluded)(WHOLE) == shown


@pytest.mark.parametrize(
    ("attributes", "excluded", "shows"),
    [("", "", True), ("", "members", False), ("displayName", "", False), ("members", "", True), ("members.value", "", True),
     ("", "members.display", True)],
)  # fmt: skip
def test_it_is_known_beforehand_whether_members_are_needed(
    attributes: str,
    excluded: str,
    *,
    shows: bool,
) -> None:
    assert compiled(GROUPS, attributes, excluded).shows("members") is shows


@pytest.mark.usefixtures("db")
def test_too_long_a_choice_is_refused_before_anything_is_done(acme) -> None:
    idp = Scim(scim_client(acme, "generic"))
    names = ["userName", *[f"x{number}" for number in range(NAMES_MAX - 1)]]
    assert idp.post("/Users?attributes=" + ",".join(names), {"userName": "a"}).status == 201
    assert (
        "userName"
        in idp.post("/Users/.search", {"attributes": [*names[1:], "userName"]}).body["Resources"][0]
    )
    for parameter in ("attributes", "excludedAttributes"):
        answer = idp.post(f"/Users?{parameter}=" + ",".join([*names, "id"]), {"userName": "b"})
        assert (answer.status, answer.code) == (400, "parameter_wrong")
        for listed in ([*names, "id"], "x" * (CHARACTERS_MAX + 1)):
            assert idp.post("/Users/.search", {parameter: listed}).code == "parameter_wrong"
    assert [each["userName"] for each in idp.get("/Users").body["Resources"]] == ["a"]
