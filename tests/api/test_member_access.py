"""A member's access over the API: shown with origin and since when, edited by administrators alone."""

import pytest
from rest_framework import serializers

from identity import access, grants, members, resources, roles
from identity.api.access_shapes import EffectiveGrant
from identity.grants import GrantSpec
from tests.api.client import browser_of, recorded, token_of
from tests.conftest import SETUP, join

PORTFOLIO = {"kind": "portfolio", "id": "p1", "permission": "view"}


@pytest.fixture
def tree(acme):
    rows = [
        {"kind": "portfolio", "id": "p1", "name": "First"},
        {"kind": "asset", "id": "a1", "name": "House", "parent": "p1"},
    ]
    resources.register(acme, rows, actor=SETUP)


@pytest.fixture
def path(jane):
    return f"/organizations/acme/members/{jane.pk}"


def test_grants_are_replaced_and_the_answer_shows_the_access_as_it_then_is(acme, ada, jane, tree, path):
    api = token_of(ada)
    answer = api.put(f"{path}/grants", {"grants": [PORTFOLIO], "roles": ["auditor"]})
    assert answer.status_code == 200
    access = answer.json()
    assert (access["member"], access["state"], access["dormant"]) == (str(jane.pk), "active", False)
    assert [
        (line["kind"], line["id"], line["name"], line["permission"], line["origin"], line["inherited_from"])
        for line in access["grants"]
    ] == [
        ("asset", "a1", "House", "view", "admin", {"kind": "portfolio", "id": "p1"}),
        ("portfolio", "p1", "First", "view", "admin", None),
    ]
    assert [(role["name"], role["origin"]) for role in access["roles"]] == [("auditor", "admin")]
    assert api.get(f"{path}/access").json() == access
    (given,) = recorded(acme, "grant.give")
    assert given["changes"] == {"permission": [None, "view"]}
    assert (given["subject"]["id"], given["data"]["resource"]) == (str(jane.pk), "p1")
    api.put(f"{path}/grants", {"grants": []})
    (ended,) = recorded(acme, "grant.end")
    assert ended["changes"] == {"permission": ["view", None]}
    assert [role["name"] for role in api.get(f"{path}/access").json()["roles"]] == ["auditor"]


def test_lines_are_written_as_their_shape_says_and_not_field_by_field(acme, jane, tree, monkeypatch):
    grants.replace(jane, [GrantSpec("portfolio", "p1", "edit")], actor=SETUP)
    held = access.reach(jane)
    as_said = [super(EffectiveGrant, EffectiveGrant()).to_representation(line) for line in held]
    asked = []
    ask = serializers.Field.get_attribute
    monkeypatch.setattr(
        serializers.Field, "get_attribute", lambda field, line: asked.append(field) or ask(field, line)
    )
    assert EffectiveGrant(held, many=True).data == as_said
    assert len(held) == 2
    assert asked == []


def test_a_bare_list_is_a_list_of_grants(acme, ada, tree, path):
    api = token_of(ada)
    assert api.put(f"{path}/grants", [PORTFOLIO]).json() == api.get(f"{path}/access").json()
    assert api.put(f"{path}/grants", [7]).status_code == 400


def test_suspended_access_is_shown_as_dormant(acme, ada, jane, tree, path):
    grants.replace(jane, [GrantSpec("portfolio", "p1", "edit")], actor=SETUP)
    members.suspend(jane, actor=SETUP)
    access = token_of(ada).get(f"{path}/access").json()
    assert (access["state"], access["dormant"], len(access["grants"])) == ("suspended", True, 2)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "invalid", "grants"),
        ({"grants": [{**PORTFOLIO, "id": "nowhere"}]}, "unknown_resource", "grants"),
        ({"grants": [{**PORTFOLIO, "permission": "own"}]}, "unknown_resource", "grants"),
        ({"grants": [{**PORTFOLIO, "kind": "company"}]}, "unknown_resource", "grants"),
        ({"grants": [PORTFOLIO], "roles": ["king"]}, "unknown_role", "roles"),
        ({"grants": PORTFOLIO}, "invalid", "grants"),
        ({"grants": [PORTFOLIO, "p2"]}, "invalid", "grants[1]"),
        ({"grants": [{**PORTFOLIO, "id": None}]}, "invalid", "grants[0].id"),
        ({"grants": [{**PORTFOLIO, "since": "now"}]}, "invalid", "grants[0].since"),
        ({"grants": [PORTFOLIO] * 2001}, "invalid", "grants"),
    ],
)
def test_a_wrong_set_changes_nothing_at_all(acme, ada, jane, tree, path, body, code, field):
    before = token_of(ada).get(f"{path}/access").json()
    answer = token_of(ada).put(f"{path}/grants", body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, code, field)
    assert token_of(ada).get(f"{path}/access").json() == before
    assert recorded(acme, "grant.give") == []


def test_another_organizations_resource_cannot_be_granted(acme, globex, ada, jane, path):
    resources.register(globex, [{"kind": "company", "id": "c1"}], actor=SETUP)
    resources.define_kind(acme, "company", permissions=["access"], actor=SETUP)
    answer = token_of(ada).put(
        f"{path}/grants", {"grants": [{"kind": "company", "id": "c1", "permission": "access"}]}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_resource")


def test_roles_are_replaced(acme, ada, jane, path):
    answer = token_of(ada).put(f"{path}/roles", {"roles": ["auditor", "member"]})
    assert [role["name"] for role in answer.json()["roles"]] == ["auditor", "member"]
    answer = token_of(ada).put(f"{path}/roles", {"roles": ["member"]})
    assert [role["name"] for role in answer.json()["roles"]] == ["member"]
    (entry,) = recorded(acme, "role.revoke")
    assert entry["changes"] == {"role": ["auditor", None]}


def test_the_last_administrator_stays_one(ada):
    answer = token_of(ada).put(f"/organizations/acme/members/{ada.pk}/roles", {"roles": []})
    assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")
    assert roles.names_of(ada) == ["organization_admin"]


def test_nobody_gives_or_takes_more_than_they_have(acme, ada, jane, path):
    manager = join(acme, "max@acme.example", role="member_manager")
    for api in (token_of(manager), token_of(ada, "access.write", "access.read", "members.read")):
        for target, body in (
            (f"{path}/roles", {"roles": ["organization_admin"]}),
            (f"{path}/grants", {"grants": [], "roles": ["organization_admin"]}),
            (f"/organizations/acme/members/{ada.pk}/roles", {"roles": []}),
        ):
            answer = api.put(target, body)
            assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
                403,
                "forbidden",
                "roles",
            )
    assert roles.names_of(jane) == []
    answer = token_of(manager).post("/organizations/acme/members", {"user_name": "x", "roles": ["auditor"]})
    assert answer.status_code == 403
    assert token_of(manager).put(f"{path}/roles", {"roles": ["member_manager"]}).status_code == 200


def test_nobody_raises_newcomers_by_defaults_or_roles_of_their_own(acme, ada):
    api = token_of(ada, "organization.write", "directories.write", "access.write")
    strong = {"roles": ["organization_admin"]}
    for answer in (
        api.patch("/organizations/acme", {"defaults": strong}),
        api.post("/organizations/acme/directories", {"name": "x", "defaults": strong}),
    ):
        assert (answer.status_code, answer.json()["field"]) == (403, "defaults.roles")
    answer = api.post("/organizations/acme/roles", {"name": "spy", "capabilities": ["record.read"]})
    assert (answer.status_code, answer.json()["field"]) == (403, "capabilities")


def test_a_session_reads_by_its_capabilities(acme, jane, path):
    assert browser_of(jane).get(f"{path}/access").status_code == 403
    manager = join(acme, "max@acme.example", role="auditor")
    assert browser_of(manager).get(f"{path}/access").status_code == 200
