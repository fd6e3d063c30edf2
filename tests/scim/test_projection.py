"""`attributes` and `excludedAttributes` choose what an answer shows (RFC 7644 §3.9)."""

from typing import Any

import pytest

from scim.projection import compiled
from scim.schemas import GROUPS, USERS

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
