"""Resources, kinds, roles and domains over the API."""

import pytest

from tests.api.client import operator, recorded, token_of

PATH = "/organizations/acme/resources"
ROWS = [
    {"kind": "asset", "id": "a1", "name": "House", "parent": "p1"},
    {"kind": "portfolio", "id": "p1", "name": "First"},
]


def test_resources_are_registered_in_any_order_and_again_without_a_trace(acme, ada):
    api = token_of(ada)
    assert api.put(PATH, ROWS).json() == {"created": 2, "changed": 0, "unchanged": 0}
    assert api.put(PATH, [{**ROWS[0], "name": "Tower"}, ROWS[1]]).json() == {
        "created": 0,
        "changed": 1,
        "unchanged": 1,
    }
    assert api.put(PATH, [{**ROWS[0], "name": "Tower"}]).json() == {
        "created": 0,
        "changed": 0,
        "unchanged": 1,
    }
    listed = {item["id"]: item for item in api.get(PATH).json()["items"]}
    assert listed == {
        "a1": {"kind": "asset", "id": "a1", "name": "Tower", "parent": "p1"},
        "p1": {"kind": "portfolio", "id": "p1", "name": "First", "parent": None},
    }
    assert [item["id"] for item in api.get(PATH, kind="asset").json()["items"]] == ["a1"]
    assert api.get(PATH, kind="nonsense").json()["items"] == []
    assert len(recorded(acme, "resource.register")) == 2
    (entry,) = recorded(acme, "resource.change")
    assert entry["changes"] == {"name": ["House", "Tower"]}


def test_resources_are_listed_page_by_page(acme, ada):
    api = token_of(ada)
    api.put(PATH, [{"kind": "portfolio", "id": f"p{number}"} for number in range(7)])
    first = api.get(PATH, limit=4).json()
    second = api.get(PATH, limit=4, after=first["next"]).json()
    assert (len(first["items"]), len(second["items"]), second["next"]) == (4, 3, None)
    assert len({item["id"] for page in (first, second) for item in page["items"]}) == 7


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        (ROWS[0], ""),
        (["a1"], "[0]"),
        ([ROWS[1], {"kind": "portfolio"}], "[1].id"),
        ([{"kind": "portfolio", "id": 1}], "[0].id"),
        ([{"kind": "portfolio", "id": ""}], "[0].id"),
        ([{"kind": "portfolio", "id": "x" * 201}], "[0].id"),
        ([{"kind": "portfolio", "id": "a\0b"}], "[0].id"),
        ([{"kind": "portfolio", "id": "p", "name": "\ud800"}], "[0].name"),
        ([{"kind": "castle", "id": "c"}], "[0].kind"),
        ([{"kind": "asset", "id": "a", "parent": "nowhere"}], "[0].parent"),
        ([{"kind": "portfolio", "id": "p", "owner": "x"}], "[0].owner"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_registered(acme, ada, body, field):
    api = token_of(ada)
    answer = api.put(PATH, body)
    assert (answer.status_code, answer.json()["code"], answer.json().get("field", "")) == (
        400,
        "invalid",
        field,
    )
    assert api.get(PATH).json()["items"] == []


def test_too_many_rows_are_refused(ada):
    answer = token_of(ada).put(PATH, [{"kind": "portfolio", "id": str(number)} for number in range(10_001)])
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many")


def test_an_organization_defines_kinds_of_its_own(acme, ada):
    api = token_of(ada)
    answer = api.post(
        "/organizations/acme/kinds", {"name": "fund", "parent": "portfolio", "permissions": ["view"]}
    )
    assert (answer.status_code, answer.json()) == (
        201,
        {"name": "fund", "parent": "portfolio", "permissions": ["view"]},
    )
    names = [kind["name"] for kind in api.get("/organizations/acme/kinds").json()["items"]]
    assert sorted(names) == ["asset", "fund", "portfolio"]
    assert api.put(PATH, [ROWS[1], {"kind": "fund", "id": "f1", "parent": "p1"}]).status_code == 200
    (entry,) = recorded(acme, "kind.define")
    assert entry["subject"]["label"] == "fund"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "asset", "permissions": ["view"]}, 409, "name"),
        ({"name": "Fund", "permissions": ["view"]}, 400, "name"),
        ({"name": "f und", "permissions": ["view"]}, 400, "name"),
        ({"name": "é", "permissions": ["view"]}, 400, "name"),
        ({"name": "f" * 64, "permissions": ["view"]}, 400, "name"),
        ({"name": "fund\n", "permissions": ["view"]}, 400, "name"),
        ({"name": "fund", "permissions": []}, 400, "permissions"),
        ({"name": "fund"}, 400, "permissions"),
        ({"name": "fund", "permissions": ["view", 5]}, 400, "permissions[1]"),
        ({"name": "fund", "permissions": ["view", "edit", "view"]}, 400, "permissions"),
        ({"name": "fund", "permissions": ["view"], "parent": "castle"}, 400, "parent"),
    ],
)
def test_a_wrong_kind_is_refused(acme, ada, body, status, field):
    answer = token_of(ada).post("/organizations/acme/kinds", body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


def test_an_organization_defines_roles_of_its_own(acme, ada):
    api = token_of(ada)
    body = {"name": "reviewer", "label": "Reviewer", "capabilities": ["record.read"]}
    answer = api.post("/organizations/acme/roles", body | {"capabilities": ["record.read", "record.read"]})
    assert (answer.status_code, answer.json()) == (201, {**body, "built_in": False})
    listed = api.get("/organizations/acme/roles").json()["items"]
    assert [role["name"] for role in listed if not role["built_in"]] == ["reviewer"]
    (entry,) = recorded(acme, "role.define")
    assert entry["changes"] == {"capabilities": [None, ["record.read"]]}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "auditor"}, 409, "name"),
        ({"name": "Reviewer"}, 400, "name"),
        ({"name": "x" * 64}, 400, "name"),
        ({"name": "x", "capabilities": ["world.rule"]}, 400, "capabilities[0]"),
        ({"name": "x", "capabilities": [["record.read"]]}, 400, "capabilities[0]"),
        ({"name": "x", "built_in": True}, 400, "built_in"),
    ],
)
def test_a_wrong_role_is_refused(acme, ada, body, status, field):
    answer = token_of(ada).post("/organizations/acme/roles", body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


def test_a_domain_is_claimed_and_confirmed_by_an_operator_alone(acme, ada, settings):
    api = token_of(ada)
    answer = api.post("/organizations/acme/domains", {"name": "Acme.example."})
    assert (answer.status_code, answer.json()["name"], answer.json()["proved_at"]) == (
        201,
        "acme.example",
        None,
    )
    claimed = answer.json()
    confirm = f"/organizations/acme/domains/{claimed['id']}/confirm"
    assert api.post(confirm).status_code == 403
    answer = operator(settings).post(confirm)
    assert (answer.status_code, answer.json()["proof"]) == (200, "operator")
    assert api.get("/organizations/acme/domains").json() == {"items": [answer.json()], "next": None}
    (entry,) = recorded(acme, "domain.confirm")
    assert entry["actor"]["kind"] == "operator"
    assert operator(settings).post(confirm, {"proof": "dns"}).json()["field"] == "proof"


@pytest.mark.parametrize(
    "name", ["", "localhost", "a b.example", "ä.example", "x" * 300, 5, None, "-a.example"]
)
def test_a_wrong_domain_is_refused(ada, name):
    answer = token_of(ada).post("/organizations/acme/domains", {"name": name})
    assert (answer.status_code, answer.json()["field"]) == (400, "name")


def test_a_domain_proved_by_another_organization_cannot_be_confirmed(acme, globex, ada, gus, settings):
    claims = [
        token_of(member).post(f"/organizations/{slug}/domains", {"name": "shared.example"}).json()["id"]
        for member, slug in ((ada, "acme"), (gus, "globex"))
    ]
    api = operator(settings)
    assert api.post(f"/organizations/acme/domains/{claims[0]}/confirm").status_code == 200
    answer = api.post(f"/organizations/globex/domains/{claims[1]}/confirm")
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    again = token_of(ada).post("/organizations/acme/domains", {"name": "shared.example"})
    assert again.status_code == 409
