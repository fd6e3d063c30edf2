"""What a governance product discovers and reads: resource types, roles, entitlements."""

import re

import pytest

from identity import directories, resources, roles, tenancy
from identity.models import Resource
from tests.conftest import SETUP, scim_client
from tests.scim.talk import BASE, Scim

ROLE = "urn:okta:scim:schemas:core:1.0:Role"
ENTITLEMENT = "urn:okta:scim:schemas:core:1.0:Entitlement"
TOWER = "oslo/tower:1 ø"


@pytest.fixture
def idp(acme, okta):
    things = [
        {"kind": "portfolio", "id": "nordics", "name": "The Nordics"},
        {"kind": "portfolio", "id": "iberia"},
        {"kind": "asset", "id": TOWER, "parent": "nordics"},
    ]
    resources.register(acme, things, actor=SETUP)
    roles.define(acme, "trader", label="Trader", capabilities=["members.read"], actor=SETUP)
    directories.change(okta.directory, settings={"access_follows": True}, actor=SETUP)
    return Scim(okta)


def ids(answer):
    assert answer.status == 200, answer
    return [each["id"] for each in answer.body["Resources"]]


def test_a_directory_that_assigns_is_told_of_the_types(idp):
    types = {each["name"]: each for each in idp.get("/ResourceTypes").body["Resources"]}
    assert (types["Role"]["endpoint"], types["Role"]["schema"]) == ("/Roles", ROLE)
    assert (types["Entitlement"]["endpoint"], types["Entitlement"]["schema"]) == (
        "/Entitlements",
        ENTITLEMENT,
    )
    assert idp.get("/ResourceTypes/Role").body == types["Role"]
    schemas = {each["id"]: each for each in idp.get("/Schemas").body["Resources"]}
    assert [each["name"] for each in schemas[ENTITLEMENT]["attributes"]] == [
        "displayName",
        "type",
        "description",
    ]
    assert idp.get(f"/Schemas/{ROLE}").body == schemas[ROLE]


def test_a_directory_that_does_not_is_not(entra):
    idp = Scim(entra)
    assert ids(idp.get("/ResourceTypes")) == ["User", "Group"]
    assert idp.get("/ResourceTypes/Role").status == 404
    assert ROLE not in ids(idp.get("/Schemas"))
    assert idp.get(f"/Schemas/{ROLE}").status == 404


def test_roles_are_listed_by_the_value_that_assigns_them(idp):
    answer = idp.get("/Roles?startIndex=1&count=2")
    assert ids(answer) == ["auditor", "member"]
    assert (answer.body["totalResults"], answer.body["startIndex"], answer.body["itemsPerPage"]) == (5, 1, 2)
    assert ids(idp.get("/Roles?startIndex=5&count=2")) == ["trader"]
    assert idp.get("/Roles/trader").body == {
        "schemas": [ROLE],
        "id": "trader",
        "displayName": "Trader",
        "description": "members.read",
        "meta": {"resourceType": "Role", "location": f"{BASE}/Roles/trader"},
    }


def test_entitlements_are_permissions_on_resources(idp):
    answer = idp.get("/Entitlements")
    assert ids(answer) == [
        "portfolio:nordics:edit", "portfolio:nordics:view", "portfolio:iberia:edit", "portfolio:iberia:view",
        f"asset:{TOWER}:edit", f"asset:{TOWER}:view",
    ]  # fmt: skip
    assert ids(idp.get("/Entitlements?sortBy=id")) == sorted(ids(answer))
    assert ids(idp.get("/Entitlements?sortOrder=descending")) == ids(answer)[::-1]
    assert answer.body["totalResults"] == 6
    assert idp.get("/Entitlements/portfolio:nordics:view").body == {
        "schemas": [ENTITLEMENT],
        "id": "portfolio:nordics:view",
        "displayName": "The Nordics: view",
        "type": "Entitlement",
        "description": "view on the portfolio nordics",
        "meta": {"resourceType": "Entitlement", "location": f"{BASE}/Entitlements/portfolio:nordics:view"},
    }


def test_an_id_of_any_characters_leads_to_its_resource(idp):
    found = idp.get(f'/Entitlements?filter=id eq "asset:{TOWER}:edit"').body["Resources"][0]
    assert found["meta"]["location"] == f"{BASE}/Entitlements/asset:oslo%2Ftower:1%20%C3%B8:edit"
    assert idp.get(found["meta"]["location"].removeprefix(BASE)).body == found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('/Roles?filter=displayName eq "TRADER"', ["trader"]),
        ('/Roles?filter=id sw "organization"', ["organization_admin"]),
        ('/Roles?filter=description co "record.read" and not (id eq "auditor")', ["organization_admin"]),
        ("/Roles?filter=externalId pr", []),
        ("/Roles?sortBy=displayName&sortOrder=descending&count=1", ["trader"]),
        ('/Entitlements?filter=id eq "PORTFOLIO:iberia:view"', []),
        ('/Entitlements?filter=type eq "Entitlement" and displayName ew ": edit" and id sw "portfolio"',
         ["portfolio:nordics:edit", "portfolio:iberia:edit"]),
        ('/Entitlements?filter=meta.resourceType eq "Role"', []),
        ("/Entitlements?count=0", []),
        ("/Entitlements?startIndex=7", []),
    ],
)  # fmt: skip
def test_filters_and_orders(idp, query, expected):
    assert ids(idp.get(query)) == expected


def test_cursors_walk_all_of_it_once_in_any_order(idp):
    for path in (
        "/Entitlements?count=2",
        "/Entitlements?count=2&sortBy=type",
        "/Roles?count=2&sortBy=description",
    ):
        seen, cursor = [], ""
        while cursor is not None:
            answer = idp.get(f"{path}&cursor={cursor}")
            seen += ids(answer)
            cursor = answer.body.get("nextCursor")
        everything = ids(idp.get(re.sub(r"count=\d", "count=50", path)))
        assert seen == everything
        assert len(set(seen)) == len(seen) > 4


def test_search_takes_a_body(idp):
    wish = {"filter": 'id eq "auditor"', "attributes": ["displayName"]}
    assert idp.post("/Roles/.search", wish).body["Resources"] == [
        {"schemas": [ROLE], "id": "auditor", "displayName": "Auditor"}
    ]
    assert ids(idp.post("/Entitlements/.search", {"count": 1})) == ["portfolio:nordics:edit"]


def test_the_catalogue_is_changed_in_rollcall_alone(idp):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/Roles", "/Roles/auditor", "/Entitlements", "/Entitlements/portfolio:nordics:view"):
            answer = idp.send(method, path, {"displayName": "x"})
            assert (answer.status, answer.code) == (405, "method"), answer


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('/Roles?filter=userName eq "x"', "filter_unknown"),
        ("/Roles?sortBy=type", "sort_unknown"),
        ("/Entitlements?cursor=xxx", "cursor_wrong"),
    ],
)
def test_what_cannot_be_asked_is_refused(idp, query, code):
    answer = idp.get(query)
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize("id_", ["nobody", "auditor2", "%00", "x" * 5000])
def test_what_is_not_there_is_not_found(idp, id_):
    assert idp.get(f"/Roles/{id_}").status == 404
    assert idp.get(f"/Entitlements/{id_}").status == 404
    assert idp.get(f"/Entitlements/portfolio:{id_}:view").status == 404


def test_a_retired_resource_can_be_assigned_no_longer(idp, acme):
    with tenancy.of(acme):
        iberia = Resource.objects.get(key="iberia")
    resources.retire(iberia, actor=SETUP)
    assert idp.get("/Entitlements/portfolio:iberia:view").status == 404
    assert idp.get("/Entitlements").body["totalResults"] == 4


def test_another_organization_sees_its_own(idp, globex):
    other = Scim(scim_client(globex, "okta"))
    assert other.get("/Roles/trader").status == 404
    assert other.get("/Roles").body["totalResults"] == 4
    assert ids(other.get("/Entitlements")) == []
    assert other.get("/Entitlements/portfolio:nordics:view").status == 404
