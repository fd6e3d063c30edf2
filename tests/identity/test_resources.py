"""Resources: registered before anybody can be granted anything."""

import pytest

from audit.models import Entry
from identity import first_access, grants, members, organizations, resources, roles, tenancy
from identity.errors import Invalid, LastAdministrator, NameTaken, UnknownResource, UnknownRole
from identity.first_access import Wanted
from identity.grants import GrantSpec
from identity.models import Resource
from tests.api.client import recorded
from tests.conftest import SETUP
from tests.statements import Statements

ROWS = [
    {"kind": "shop_country", "id": "de", "parent": "s1"},
    {"kind": "shop", "id": "s1", "name": "Berlin", "parent": "c1"},
    {"kind": "company", "id": "c1", "name": "Globex GmbH"},
]


def test_parents_may_come_after_their_children(globex):
    done = resources.register(globex, ROWS, actor=SETUP)
    assert (done.created, done.changed, done.unchanged) == (3, 0, 0)
    with tenancy.of(globex):
        assert Resource.objects.get(key="de").parent.parent.name == "Globex GmbH"


def test_registering_again_changes_what_differs(globex):
    resources.register(globex, ROWS, actor=SETUP)
    done = resources.register(globex, [*ROWS[:2], {**ROWS[2], "name": "Globex AG"}], actor=SETUP)
    assert (done.created, done.changed, done.unchanged) == (0, 1, 2)


def test_a_row_changes_what_it_names_alone(globex):
    resources.register(globex, ROWS, actor=SETUP)
    rows = [{"kind": "shop", "id": "s1", "parent": ""}, {"kind": "company", "id": "c1", "name": ""}]
    done = resources.register(globex, [*rows, {"kind": "shop_country", "id": "de"}], actor=SETUP)
    assert (done.created, done.changed, done.unchanged) == (0, 2, 1)
    with tenancy.of(globex):
        shop, country = Resource.objects.get(key="s1"), Resource.objects.get(key="de")
        assert (shop.name, shop.parent, country.parent) == ("Berlin", None, shop)
    changes = {entry["subject"]["label"]: entry["changes"] for entry in recorded(globex, "resource.change")}
    assert changes == {
        "shop s1": {"parent": ["c1", None]},
        "company c1": {"name": ["Globex GmbH", ""]},
    }


def test_of_two_rows_about_one_resource_the_later_counts(globex):
    rows = [{**ROWS[2], "name": name} for name in ("Globex GmbH", "Globex SE", "Globex AG")]
    done = resources.register(globex, rows, actor=SETUP)
    assert (done.created, done.changed, done.unchanged) == (1, 0, 2)
    with tenancy.of(globex):
        assert Resource.objects.get().name == "Globex AG"


def test_a_thousand_resources_take_as_many_statements_as_one(globex):
    def statements(count: int) -> int:
        with Statements() as asked:
            for name in ("", "renamed"):
                rows = [{"kind": "company", "id": f"{count} {row}", "name": name} for row in range(count)]
                resources.register(globex, rows, actor=SETUP)
        return len(asked.statements)

    statements(1)
    assert statements(1000) == statements(1)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"kind": "planet", "id": "x"}, "[3].kind"),
        ({"kind": "shop", "id": "s2", "parent": "nowhere"}, "[3].parent"),
        ({"kind": "company", "id": "c2", "parent": "c1"}, "[3].parent"),
        ({"kind": "shop"}, "[3]"),
        ({"kind": "shop", "id": 7}, "[3].id"),
        ({"kind": "shop", "id": "a\0b"}, "[3]"),
        ({"kind": "shop", "id": "s2", "name": "x" * 501}, "[3].name"),
        ("shop", "[3]"),
    ],
)
def test_one_bad_row_refuses_the_whole_request_and_says_where(globex, row, field):
    with pytest.raises(Invalid) as refused:
        resources.register(globex, [*ROWS, row], actor=SETUP)
    assert refused.value.field == field
    with tenancy.of(globex):
        assert not Resource.objects.exists()


def test_a_retired_resource_gives_no_access_until_it_is_registered_again(acme, jane):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    grants.replace(jane, [GrantSpec("portfolio", "p1", "view")], actor=SETUP)
    with tenancy.of(acme):
        resource = Resource.objects.get()
    resources.retire(resource, actor=SETUP)
    assert grants.effective(jane) == []
    with pytest.raises(UnknownResource):
        grants.replace(jane, [GrantSpec("portfolio", "p1", "edit")], actor=SETUP)
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    assert [access.key for access in grants.effective(jane)] == ["p1"]


def test_an_organization_can_define_kinds_of_its_own(acme, jane):
    resources.define_kind(acme, "report", permissions=["read", "publish"], parent="portfolio", actor=SETUP)
    resources.register(
        acme, [{"kind": "portfolio", "id": "p1"}, {"kind": "report", "id": "r1", "parent": "p1"}], actor=SETUP
    )
    grants.replace(
        jane, [GrantSpec("portfolio", "p1", "view"), GrantSpec("report", "r1", "read")], actor=SETUP
    )
    # A report knows no "view": the portfolio's permission does not reach it.
    assert [(a.kind, a.permission) for a in grants.effective(jane)] == [
        ("portfolio", "view"),
        ("report", "read"),
    ]
    with pytest.raises(NameTaken):
        resources.define_kind(acme, "report", permissions=["read"], actor=SETUP)


def test_roles_are_replaced_and_the_last_administrator_stays(acme, ada, jane):
    from identity import roles

    with pytest.raises(LastAdministrator):
        roles.replace(ada, ["auditor"], actor=SETUP)
    with pytest.raises(UnknownRole):
        roles.replace(jane, ["emperor"], actor=SETUP)
    roles.replace(jane, ["organization_admin", "auditor"], actor=SETUP)
    roles.replace(ada, [], actor=SETUP)
    assert roles.names_of(ada) == []
    assert "record.read" in roles.capabilities_of(jane)


@pytest.mark.parametrize("slug", ["", "A", "a b", "-a", "a-", "a" * 64, "ä", None, 7])
def test_a_bad_slug_is_refused(db, slug):
    with pytest.raises(Invalid):
        organizations.create(name="X", slug=slug, access_model="company_shop", actor=SETUP)


def test_a_slug_is_used_once(acme):
    with pytest.raises(NameTaken):
        organizations.create(name="Other", slug="acme", access_model="company_shop", actor=SETUP)


def test_confirming_what_is_there_is_an_edit_of_its_own_once(acme, jane):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    wanted = Wanted((GrantSpec("portfolio", "p1", "view"),), ("auditor",))
    first_access.apply_asserted(jane, wanted, actor=SETUP)
    for _ in range(2):
        grants.replace(jane, [GrantSpec("portfolio", "p1", "view")], actor=SETUP)
        roles.replace(jane, ["auditor"], actor=SETUP)
    with tenancy.of(acme):
        events = list(Entry.objects.filter(event__endswith=".confirm").values_list("event", flat=True))
    assert sorted(events) == ["grant.confirm", "role.confirm"]


def test_an_offboarded_member_gets_no_roles(acme, jane):
    members.offboard(jane, actor=SETUP)
    with pytest.raises(Invalid):
        roles.replace(jane, ["auditor"], actor=SETUP)
    assert roles.names_of(jane) == []
