"""First permissions: every order of arrival, both access models."""

import pytest

from identity import (
    batches,
    directories,
    first_access,
    grants,
    members,
    organizations,
    resources,
    roles,
    tenancy,
)
from identity.batches import Arrival
from identity.first_access import Wanted
from identity.grants import GrantSpec
from tests.api.client import recorded
from tests.conftest import SETUP, scim_client

ADMIN_EDIT = SETUP
ROWS = {
    "portfolio_asset": [
        {"kind": "asset", "id": "a1", "name": "Asset 1", "parent": "p1"},
        {"kind": "portfolio", "id": "p1", "name": "Portfolio 1"},
        {"kind": "portfolio", "id": "p2", "name": "Portfolio 2"},
    ],
    "company_shop": [
        {"kind": "company", "id": "c1", "name": "Company 1"},
        {"kind": "shop", "id": "s1", "name": "Shop 1", "parent": "c1"},
        {"kind": "shop_country", "id": "s1-de", "name": "Germany", "parent": "s1"},
        {"kind": "company", "id": "c2", "name": "Company 2"},
    ],
}
DEFAULT = {
    "portfolio_asset": GrantSpec("portfolio", "p1", "view"),
    "company_shop": GrantSpec("company", "c1", "access"),
}
ASSERTED = {
    "portfolio_asset": GrantSpec("portfolio", "p2", "edit"),
    "company_shop": GrantSpec("company", "c2", "access"),
}
BY_HAND = {
    "portfolio_asset": GrantSpec("asset", "a1", "edit"),
    "company_shop": GrantSpec("shop", "s1", "access"),
}


def as_json(spec):
    return {"kind": spec.kind, "id": spec.key, "permission": spec.permission}


def own(member):
    return {(a.kind, a.key, a.permission, a.origin) for a in grants.effective(member) if not a.inherited_from}


def line(spec, origin):
    return (spec.kind, spec.key, spec.permission, origin)


@pytest.fixture(params=["portfolio_asset", "company_shop"])
def shop(request, db):
    organization = organizations.create(name="Shop", slug="shop", access_model=request.param, actor=SETUP)
    resources.register(organization, ROWS[request.param], actor=SETUP)
    organizations.change(
        organization, defaults={"grants": [as_json(DEFAULT[request.param])], "roles": ["member"]}, actor=SETUP
    )
    return organizations.change(organization, actor=SETUP)


def sign_in(member, *specs, names=None):
    return first_access.apply_asserted(member, Wanted(specs or None, names), actor=SETUP)


def test_defaults_come_with_creation_and_reach_down_the_tree(shop):
    member = members.provision(shop, user_name="j", actor=SETUP).member
    spec = DEFAULT[shop.access_model]
    assert own(member) == {line(spec, "organization_default")}
    below = {(a.kind, a.inherited_from) for a in grants.effective(member) if a.inherited_from}
    assert below == (
        {("asset", "portfolio p1")}
        if shop.access_model == "portfolio_asset"
        else {("shop", "company c1"), ("shop_country", "company c1")}
    )
    assert roles.names_of(member) == ["member"]


def one(shop, directory):
    return members.provision(shop, user_name="j", directory=directory, actor=SETUP).member


def one_of_many(shop, directory):
    return batches.create(shop, [Arrival("j", {}, "j")], directory=directory, actor=SETUP)[0]


@pytest.mark.parametrize("arrive", [one, one_of_many])
@pytest.mark.parametrize("aspect", ["grants", "roles"])
def test_none_of_the_directorys_is_stronger_than_the_organizations_defaults(shop, aspect, arrive):
    directory = directories.change(scim_client(shop).directory, defaults={aspect: []}, actor=SETUP)
    member = arrive(shop, directory)
    given = {"grants": own(member), "roles": {*roles.names_of(member)}}
    organizations_ = {
        "grants": {line(DEFAULT[shop.access_model], "organization_default")},
        "roles": {"member"},
    }
    assert given == organizations_ | {aspect: set()}


def test_the_first_assertion_takes_the_defaults_place_and_the_second_changes_nothing(shop):
    member = members.provision(shop, user_name="j", actor=SETUP).member
    model = shop.access_model
    applied = sign_in(member, ASSERTED[model], names=("auditor",))
    assert own(member) == {line(ASSERTED[model], "asserted")}
    assert roles.names_of(member) == ["auditor"]
    assert applied.grants == (ASSERTED[model],)
    sign_in(member, DEFAULT[model], names=("member",))
    assert own(member) == {line(ASSERTED[model], "asserted")}
    assert roles.names_of(member) == ["auditor"]


def test_an_assertion_that_says_nothing_keeps_the_defaults_and_closes_the_door(shop):
    member = members.provision(shop, user_name="j", actor=SETUP).member
    sign_in(member)
    sign_in(member, ASSERTED[shop.access_model])
    assert own(member) == {line(DEFAULT[shop.access_model], "organization_default")}
    stages = [row["data"]["stage"] for row in recorded(shop, "access.first")]
    assert len(stages) == len({*stages}) > 0, stages


def test_roles_asserted_by_scim_leave_grants_for_the_first_sign_in(shop):
    member = members.provision(shop, user_name="j", actor=SETUP).member
    first_access.apply_asserted(member, Wanted(None, ("auditor",)), actor=SETUP, final=False)
    assert roles.names_of(member) == ["auditor"]
    sign_in(member, ASSERTED[shop.access_model], names=("member",))
    assert own(member) == {line(ASSERTED[shop.access_model], "asserted")}
    assert roles.names_of(member) == ["auditor"]


def test_the_last_administrator_who_is_asserted_to_be_one_is_not_spared(shop):
    organizations.change(shop, defaults={"roles": [roles.ADMINISTRATOR]}, actor=SETUP)
    member = members.provision(shop, user_name="j", actor=SETUP).member
    applied = sign_in(member, names=(roles.ADMINISTRATOR,))
    assert (applied.roles, applied.spared) == ((roles.ADMINISTRATOR,), ())


def test_an_administrators_edit_outlives_the_first_assertion(shop):
    member = members.provision(shop, user_name="j", actor=SETUP).member
    model = shop.access_model
    grants.replace(member, [BY_HAND[model]], actor=ADMIN_EDIT)
    roles.replace(member, ["auditor"], actor=ADMIN_EDIT)
    # What the administrator took away does not come back either, even when the IdP asserts it.
    sign_in(member, DEFAULT[model], ASSERTED[model], names=("member",))
    assert roles.names_of(member) == ["auditor"]
    assert own(member) == {line(BY_HAND[model], "admin"), line(ASSERTED[model], "asserted")}


def test_an_administrators_edit_after_the_first_sign_in_is_final(shop):
    member = members.provision(shop, user_name="j", actor=SETUP).member
    model = shop.access_model
    sign_in(member, ASSERTED[model])
    grants.replace(member, [BY_HAND[model]], actor=ADMIN_EDIT)
    sign_in(member, ASSERTED[model])
    assert own(member) == {line(BY_HAND[model], "admin")}


def test_unknown_and_foreign_resources_give_nothing_and_are_recorded(shop, acme):
    from audit.models import Entry

    resources.register(acme, [{"kind": "portfolio", "id": "foreign"}], actor=SETUP)
    member = members.provision(shop, user_name="j", actor=SETUP).member
    kind = ASSERTED[shop.access_model].kind
    permission = ASSERTED[shop.access_model].permission
    applied = sign_in(
        member,
        ASSERTED[shop.access_model],
        GrantSpec(kind, "foreign", permission),
        GrantSpec(kind, "p1", "own"),
        GrantSpec("planet", "p1", "view"),
        names=("auditor", "emperor"),
    )
    assert own(member) == {line(ASSERTED[shop.access_model], "asserted")}
    assert sorted(applied.refused_grants.values()) == [
        "unknown_kind",
        "unknown_permission",
        "unknown_resource",
    ]
    assert applied.refused_roles == ("emperor",)
    with tenancy.of(shop):
        refused = Entry.objects.filter(organization_id=shop.pk, outcome="refused").values_list(
            "event", "reason"
        )
        assert sorted(refused) == [
            ("grant.refuse", "unknown_kind"),
            ("grant.refuse", "unknown_permission"),
            ("grant.refuse", "unknown_resource"),
            ("role.refuse", "unknown_role"),
        ]


def test_dormant_access_is_no_access_until_reactivation(shop):
    member = members.provision(shop, user_name="j", actor=SETUP).member
    grants.replace(member, [BY_HAND[shop.access_model]], actor=ADMIN_EDIT)
    member = members.suspend(member, actor=SETUP)
    assert grants.effective(member) == []
    member = members.reactivate(member, actor=SETUP)
    assert own(member) == {line(BY_HAND[shop.access_model], "admin")}
