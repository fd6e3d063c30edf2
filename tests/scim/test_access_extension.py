"""Rollcall's own extension of User: first permissions are written and come back as written; what somebody has is read on request."""

from urllib.parse import quote

import pytest

from identity import directories, grants, resources, roles, tenancy
from identity.grants import GrantSpec
from identity.models import Member
from scim.models import LoggedRequest
from scim.schemas import ACCESS_USER
from tests.conftest import SETUP
from tests.scim.talk import Scim, entries

URN = ACCESS_USER.id
FIRST = {"first": {"grants": ["portfolio:nordics:view", "asset:oslo:tower:edit"], "roles": ["auditor"]}}
GRANTS = sorted(FIRST["first"]["grants"])


@pytest.fixture
def idp(acme, okta):
    resources.register(
        acme,
        [{"kind": "portfolio", "id": "nordics", "name": "Nordics"}, {"kind": "asset", "id": "oslo:tower"}],
        actor=SETUP,
    )
    return Scim(okta)


def member(acme, id_):
    with tenancy.of(acme):
        return Member.objects.get(pk=id_)


def held(idp, id_):
    shown = idp.get(f"/Users/{id_}?attributes={URN}:grants,{URN}:roles").body.get(URN, {})
    return [each["value"] for each in shown.get("grants", [])], [
        each["value"] for each in shown.get("roles", [])
    ]


def test_what_is_written_becomes_first_permissions_and_comes_back(acme, idp):
    made = idp.create("mei@acme.example", **{URN: FIRST})
    assert made[URN] == FIRST
    assert URN in made["schemas"]
    person = f"/Users/{made['id']}"
    assert idp.get(person).body == made
    assert idp.put(person, made).body == made
    asked = idp.get(f"{person}?attributes={URN}:grants,{URN}:roles").body
    shown = asked[URN]
    assert URN in asked["schemas"]
    since = shown["grants"][0].pop("since")
    assert since.endswith("Z")
    assert shown["grants"][1] == {
        "value": "portfolio:nordics:view", "display": "Nordics: view", "kind": "portfolio", "resource": "nordics", "permission": "view",
        "origin": "asserted", "since": shown["grants"][1]["since"],
    }  # fmt: skip
    assert shown["grants"][0]["value"] == "asset:oslo:tower:edit"
    assert [(each["value"], each["origin"]) for each in shown["roles"]] == [("auditor", "asserted")]
    narrow = idp.get(f"{person}?attributes={URN}:grants.kind").body[URN]
    assert narrow == {"grants": [{"kind": "asset"}, {"kind": "portfolio"}]}
    assert set(idp.get(f"{person}?attributes={URN}").body[URN]) == {"first", "grants", "roles"}
    listed = idp.get(f"/Users?attributes=userName,{URN}:roles").body["Resources"]
    assert [[each["value"] for each in one[URN]["roles"]] for one in listed] == [["auditor"]]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": URN, "value": FIRST},
        {"op": "replace", "value": {URN: FIRST}},
        {
            "op": "add",
            "value": {f"{URN}:first.grants": FIRST["first"]["grants"], f"{URN}:first.roles": "auditor"},
        },
    ],
    ids=["urn", "pathless", "keys"],
)
def test_a_patch_asserts_too_and_once(acme, idp, operation):
    id_ = idp.create("mei@acme.example")["id"]
    assert idp.patch(f"/Users/{id_}", operation).body[URN] == FIRST
    assert held(idp, id_) == (GRANTS, ["auditor"])
    changed = idp.patch(f"/Users/{id_}", {"op": "remove", "path": f"{URN}:first.grants"})
    assert changed.body[URN] == {"first": {"roles": ["auditor"]}}
    assert held(idp, id_)[0] == GRANTS


def test_a_part_of_several_values_is_patched_like_a_list(idp):
    person = f"/Users/{idp.create('mei@acme.example', **{URN: FIRST})['id']}"
    path = f"{URN}:first.grants"

    def after(op, **value):
        return (
            idp.patch(person, {"op": op, "path": path, **value})
            .body.get(URN, {})
            .get("first", {})
            .get("grants")
        )

    assert after("add", value=["shop:1:access", "shop:1:access"]) == [
        *FIRST["first"]["grants"],
        "shop:1:access",
    ]
    assert after("add", value=None) == [*FIRST["first"]["grants"], "shop:1:access"]
    assert after("remove", value=["shop:1:access"]) == FIRST["first"]["grants"]
    assert after("replace", value=["shop:2:access"]) == ["shop:2:access"]
    assert after("remove") is None
    assert idp.patch(person, {"op": "remove", "path": f"{URN}:first"}).body.get(URN) is None
    assert idp.get(f"/Users?sortBy={path}").code == "sort_unknown"


def test_what_an_administrator_gave_is_read_and_is_theirs(acme, idp):
    id_ = idp.create("mei@acme.example", **{URN: FIRST})["id"]
    grants.replace(member(acme, id_), [GrantSpec("portfolio", "nordics", "edit")], actor=SETUP)
    roles.replace(member(acme, id_), ["member"], actor=SETUP)
    idp.patch(
        f"/Users/{id_}", {"op": "replace", "path": f"{URN}:first.roles", "value": ["organization_admin"]}
    )
    assert held(idp, id_) == (["portfolio:nordics:edit"], ["member"])
    assert idp.get(f"/Users/{id_}").body[URN]["first"]["roles"] == ["organization_admin"]


def test_it_goes_together_with_roles_and_entitlements(acme, idp):
    made = idp.create(
        "mei@acme.example",
        roles=[{"value": "member"}],
        entitlements=[{"value": "portfolio:nordics:view"}],
        **{
            URN: {
                "first": {
                    "grants": ["portfolio:nordics:view", "portfolio:atlantis:view"],
                    "roles": ["auditor"],
                }
            }
        },
    )
    assert held(idp, made["id"]) == (["portfolio:nordics:view"], ["auditor", "member"])
    refused = [(each.event, each.reason) for each in entries(acme) if each.outcome == "refused"]
    assert refused == [("grant.refuse", "unknown_resource")]


def test_what_somebody_has_can_be_asked_for(acme, idp, globex):
    id_ = idp.create("mei@acme.example", **{URN: FIRST})["id"]
    idp.create("other@acme.example")

    def found(text):
        answer = idp.get(f"/Users?filter={quote(text)}")
        return [each["id"] for each in answer.body["Resources"]] if answer.status == 200 else answer.code

    for text in (
        f'{URN}:roles eq "auditor"', f'{URN}:grants eq "portfolio:nordics:view"', f"{URN}:grants pr", f'{URN}:first.roles eq "auditor"',
        f'{URN}:grants[kind eq "portfolio" and resource eq "nordics"]', f'{URN}:grants.since gt "2020-01-01T00:00:00Z"',
        f'{URN}:grants[origin eq "asserted" and kind eq "asset"]', f'not ({URN}:roles eq "member") and {URN}:roles pr',
    ):  # fmt: skip
        assert found(text) == [id_], text
    assert found(f'{URN}:grants[kind eq "portfolio" and resource eq "oslo:tower"]') == []
    assert found(f'{URN}:roles eq "AUDITOR"') == []
    assert found(f'{URN}:roles[colour eq "x"]') == "filter_unknown"
    assert idp.get(f"/Users?sortBy={URN}:roles").code == "sort_unknown"


def test_what_somebody_has_is_not_for_a_directory_to_write(idp):
    id_ = idp.create("mei@acme.example", **{URN: {"grants": [{"value": "portfolio:nordics:edit"}]}})["id"]
    assert held(idp, id_) == ([], [])
    answer = idp.patch(
        f"/Users/{id_}",
        {"op": "add", "path": f"{URN}:grants", "value": [{"value": "portfolio:nordics:edit"}]},
    )
    assert (answer.status, answer.body["scimType"]) == (400, "mutability")
    assert (
        idp.patch(f"/Users/{id_}", {"op": "add", "path": f"{URN}:first.grants", "value": {"a": 1}}).status
        == 400
    )


def test_a_directory_that_goes_on_assigning_is_told_that_it_counts_for_nothing(acme, okta, idp):
    directories.change(okta.directory, settings={"access_follows": True}, actor=SETUP)
    made = idp.create("mei@acme.example", roles=[{"value": "member"}], **{URN: FIRST})
    assert made[URN] == FIRST
    assert held(idp, made["id"]) == ([], ["member"])
    with tenancy.of(acme):
        codes = {each["code"] for row in LoggedRequest.objects.all() for each in row.warnings}
    assert "first_access_unused" in codes
