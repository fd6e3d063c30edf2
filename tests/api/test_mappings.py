"""Group mappings through the API: previewed, saved, and never stronger than whoever saves them."""

import pytest

from identity import groups, resources, roles
from tests.api.client import token_of
from tests.conftest import SETUP, join


@pytest.fixture
def path(acme, jane):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    group = groups.create(acme, display_name="Traders", members=[str(jane.pk)], actor=SETUP)
    return f"/organizations/acme/groups/{group.pk}/access"


WANTED = {"grants": [{"kind": "portfolio", "id": "p1", "permission": "edit"}], "roles": ["auditor"]}


def test_a_mapping_is_previewed_saved_and_shown(acme, ada, jane, path):
    api = token_of(ada)
    (group,) = api.get("/organizations/acme/groups").json()["items"]
    assert group["display_name"] == "Traders"
    seen = api.post(f"{path}/preview", WANTED)
    assert seen.json() == {
        "people": 1,
        "added": WANTED,
        "gone": {"grants": [], "roles": []},
        "named": True,
        "gain": [{"member": str(jane.pk), "user_name": "jane@acme.example", **WANTED}],
        "lose": [],
    }
    assert api.get(path).json() == {"group": group["id"], "grants": [], "roles": []}
    assert api.put(path, WANTED).json() == {"group": group["id"], **WANTED}
    assert api.get(path).json() == {"group": group["id"], **WANTED}
    shown = api.get(f"/organizations/acme/members/{jane.pk}/access").json()
    assert [(line["id"], line["origin"], line["group"]) for line in shown["grants"]] == [
        ("p1", "group", "Traders")
    ]
    assert [(role["name"], role["group"]) for role in shown["roles"]] == [("auditor", "Traders")]
    assert token_of(jane).get("/organizations/acme/entries").status_code == 200, "the role works at once"


def test_nobody_maps_a_role_stronger_than_themselves(acme, path):
    manager = join(acme, "mona@acme.example", role="member_manager")
    api = token_of(manager)
    assert api.put(path, {"grants": [], "roles": ["organization_admin"]}).status_code == 403
    assert api.put(path, {"grants": WANTED["grants"], "roles": []}).status_code == 200


def test_strangers_and_those_without_the_right_are_refused(ada, gus, path):
    for call in (
        lambda api: api.get(path),
        lambda api: api.put(path, WANTED),
        lambda api: api.post(f"{path}/preview", WANTED),
    ):
        assert call(token_of(gus)).status_code == 404
        assert call(token_of(ada, "members.read")).status_code == 403
    assert token_of(gus).get("/organizations/acme/groups").status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"grants": []}, "invalid"),
        (
            {"grants": [{"kind": "portfolio", "id": "x", "permission": "edit"}], "roles": []},
            "unknown_resource",
        ),
        ({"grants": [], "roles": ["wizard"]}, "unknown_role"),
    ],
)
def test_a_wrong_mapping_is_refused(ada, path, body, code):
    for call in (token_of(ada).put(path, body), token_of(ada).post(f"{path}/preview", body)):
        assert (call.status_code, call.json()["code"]) == (400, code)


def test_capabilities_brought_by_a_group_are_no_own_roles(acme, ada, jane, path):
    token_of(ada).put(path, WANTED)
    assert roles.names_of(jane) == []
