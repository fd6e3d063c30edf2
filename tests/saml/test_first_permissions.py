"""First permissions from a sign-in: applied once, for what exists here, and the rest shown."""

import pytest

from identity import grants, resources, roles, tenancy
from tests.conftest import SETUP
from tests.saml.door import Browser, connect, last_attempt, people, prove

pytestmark = pytest.mark.usefixtures("db")


def test_first_permissions_come_once_and_unknown_ids_give_nothing_but_are_shown(acme, browser):
    resources.register(
        acme,
        [
            {"kind": "portfolio", "id": "p1", "name": "P1"},
            {"kind": "asset", "id": "a1", "name": "A1", "parent": "p1"},
        ],
        actor=SETUP,
    )
    asserted = {
        "email": "jane@acme.example",
        "permissions:portfolio": ["p1:view", "p9:edit"],
        "permissions:asset": ["a1:edit", "a1:own", "nonsense"],
        "roles": ["auditor", "emperor"],
    }
    browser.sign_in(attributes=asserted)
    [jane] = people(acme)
    with tenancy.of(acme):
        held = {(grant.resource.key, grant.permission) for grant in grants.open_grants(jane)}
    assert held == {("p1", "view"), ("a1", "edit")}
    assert roles.names_of(jane) == ["auditor"]
    steps = [step["step"] for step in last_attempt(acme).steps if step["step"].startswith("access refused")]
    assert steps == [
        "access refused: portfolio p9 edit (unknown_resource)",
        "access refused: asset a1 own (unknown_permission)",
        "access refused: asset nonsense  (unknown_permission)",
        "access refused: role emperor (unknown_role)",
    ]
    browser.sign_in(attributes=asserted | {"permissions:portfolio": ["p1:edit"], "roles": []})
    with tenancy.of(acme):
        assert {(grant.resource.key, grant.permission) for grant in grants.open_grants(jane)} == held


def test_companies_shops_and_countries_are_grants(globex):
    prove(globex, "globex.example")
    resources.register(
        globex,
        [
            {"kind": "company", "id": "c1", "name": "C1"},
            {"kind": "shop", "id": "s1", "name": "S1", "parent": "c1"},
            {"kind": "shop_country", "id": "s1-de", "name": "S1 DE", "parent": "s1"},
        ],
        actor=SETUP,
    )
    browser = Browser(connect(globex))
    lists = {"companies": ["c1"], "shops": ["s1"], "shopCountries": ["s1-de"], "email": "gina@globex.example"}
    browser.sign_in(name_id="gina@globex.example", attributes=lists)
    [gina] = people(globex)
    with tenancy.of(globex):
        held = {(grant.resource.key, grant.permission, grant.origin) for grant in grants.open_grants(gina)}
    assert held == {(key, "access", "asserted") for key in ("c1", "s1", "s1-de")}


def test_the_connections_defaults_come_to_a_newcomer(acme):
    prove(acme, "acme.example")
    Browser(connect(acme, defaults={"roles": ["member_manager"], "grants": []})).sign_in()
    assert roles.names_of(people(acme)[0]) == ["member_manager"]
