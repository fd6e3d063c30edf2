"""Group mappings: whoever is in the group has what it brings, as long as they are in it."""

import pytest

from audit.models import Entry
from identity import access, grants, groups, mappings, members, resources, roles, tenancy
from identity.access import Question
from identity.errors import NotFound, UnknownResource, UnknownRole
from identity.grants import GrantSpec
from identity.mappings import Difference, Mapping
from identity.models import Grant, GroupGrant
from tests.conftest import SETUP, join
from tests.statements import Statements

VIEW = GrantSpec("portfolio", "p1", "view")
EDIT = GrantSpec("portfolio", "p1", "edit")
OTHER = GrantSpec("portfolio", "p2", "view")


@pytest.fixture
def traders(acme, jane):
    rows = [{"kind": "portfolio", "id": name} for name in ("p1", "p2")]
    resources.register(acme, [*rows, {"kind": "asset", "id": "a1", "parent": "p1"}], actor=SETUP)
    return groups.create(acme, display_name="Traders", members=[str(jane.pk)], actor=SETUP)


def may(member, permission="view", kind="asset", key="a1"):
    return access.check(member.organization_id, [Question(member.pk, permission, kind, key)])[0]


def test_access_through_a_group_says_which_group_and_ends_with_leaving_it(traders, jane):
    mappings.replace(traders, Mapping((EDIT,), ("auditor",)), actor=SETUP)
    why = may(jane).why
    assert (why.group, why.origin, why.permission, why.inherited_from, why.implied) == (
        "Traders", "group", "edit", "portfolio p1", True,
    )  # fmt: skip
    assert "record.read" in roles.capabilities_of(jane)
    had = access.what_had(jane)
    assert [(line.key, line.group) for line in had.access] == [("a1", "Traders"), ("p1", "Traders")]
    assert [(role.name, role.origin, role.group) for role in had.roles] == [("auditor", "group", "Traders")]
    assert [holder.why.group for holder in access.who_has(traders.organization_id, "asset", "a1")] == [
        "Traders"
    ]
    groups.change(traders, remove=[str(jane.pk)], actor=SETUP)
    assert may(jane).reason == "no_grant"
    assert roles.capabilities_of(jane) == frozenset()
    assert access.what_had(jane).roles == ()


def test_a_grant_of_their_own_is_named_before_the_groups(traders, jane):
    mappings.replace(traders, Mapping((EDIT,)), actor=SETUP)
    grants.replace(jane, [EDIT], actor=SETUP)
    assert may(jane).why.group == ""
    groups.change(traders, remove=[str(jane.pk)], actor=SETUP)
    assert may(jane, "edit").allowed, "what the administrator gave is untouched"
    with tenancy.of(traders.organization_id):
        assert Grant.objects.filter(ended_at__isnull=True).count() == 1


def test_suspended_people_have_nothing_through_groups(traders, jane):
    mappings.replace(traders, Mapping((EDIT,), ("auditor",)), actor=SETUP)
    out = members.suspend(jane, actor=SETUP)
    assert may(jane).reason == "suspended"
    assert roles.capabilities_of(out) == frozenset()
    members.reactivate(jane, actor=SETUP)
    assert may(jane).allowed, "memberships stay through a suspension"
    members.offboard(jane, actor=SETUP)
    members.reinstate(jane, with_access=True, actor=SETUP)
    assert may(jane).reason == "no_grant", "an offboarding ended the membership"


def test_a_deleted_group_brings_nothing(traders, jane):
    mappings.replace(traders, Mapping((EDIT,)), actor=SETUP)
    groups.delete(traders, actor=SETUP)
    assert may(jane).reason == "no_grant"
    with pytest.raises(NotFound):
        mappings.replace(traders, Mapping(), actor=SETUP)


def test_the_preview_tells_who_gains_and_who_loses_and_changes_nothing(acme, traders, jane):
    rita, tom = join(acme, "rita@acme.example"), join(acme, "tom@acme.example")
    gone = join(acme, "gone@acme.example")
    groups.change(traders, add=[str(person.pk) for person in (rita, tom, gone)], actor=SETUP)
    members.suspend(gone, actor=SETUP)
    mappings.replace(traders, Mapping((VIEW,), ("auditor",)), actor=SETUP)
    grants.replace(rita, [VIEW], actor=SETUP)
    grants.replace(tom, [OTHER], actor=SETUP)
    roles.replace(tom, ["auditor"], actor=SETUP)
    with tenancy.of(acme):
        before = Entry.objects.count()
    told = mappings.preview(traders, Mapping((OTHER,), ()))
    assert told.gain == (
        Difference(jane.pk, "jane@acme.example", (OTHER,), ()),
        Difference(rita.pk, "rita@acme.example", (OTHER,), ()),
    )
    assert told.lose == (
        Difference(jane.pk, "jane@acme.example", (VIEW,), ("auditor",)),
        Difference(rita.pk, "rita@acme.example", (), ("auditor",)),
        Difference(tom.pk, "tom@acme.example", (VIEW,), ()),
    )
    assert mappings.of_group(traders) == Mapping((VIEW,), ("auditor",))
    with tenancy.of(acme):
        assert Entry.objects.count() == before


def test_of_a_group_too_large_the_preview_names_nobody_and_looks_at_nobody(acme, traders, jane, monkeypatch):
    mappings.replace(traders, Mapping((VIEW,), ("auditor",)), actor=SETUP)
    wanted = Mapping((OTHER, EDIT), ("auditor",))
    monkeypatch.setattr(mappings, "PREVIEWED_MAX", 3)
    assert mappings.preview(traders, wanted).named, "one person, and three grants that differ"
    groups.change(traders, add=[str(join(acme, "rita@acme.example").pk)], actor=SETUP)
    with Statements() as noted:
        told = mappings.preview(traders, wanted)
    assert told == mappings.Preview(2, Mapping((OTHER, EDIT)), Mapping((VIEW,)))
    with Statements() as again:
        for name in ("tom", "tim", "pat"):
            groups.change(traders, add=[str(join(acme, f"{name}@acme.example").pk)], actor=SETUP)
        again.statements.clear()
        assert mappings.preview(traders, wanted).people == 5
    assert len(again.statements) == len(noted.statements)


def test_a_mapping_that_cannot_be_is_refused_by_the_preview_however_large_the_group(traders, monkeypatch):
    monkeypatch.setattr(mappings, "PREVIEWED_MAX", 0)
    with pytest.raises(UnknownRole):
        mappings.preview(traders, Mapping((), ("nobody",)))


def test_saving_again_changes_and_records_nothing(acme, traders):
    for wanted in (
        Mapping((EDIT, OTHER), ("auditor",)),
        Mapping((EDIT, OTHER), ("auditor",)),
        Mapping((EDIT,)),
    ):
        mappings.replace(traders, wanted, actor=SETUP)
    with tenancy.of(acme):
        events = list(Entry.objects.filter(event__startswith="mapping.").values_list("event", flat=True))
        assert GroupGrant.objects.filter(ended_at__isnull=True).count() == 1
    assert sorted(events) == ["mapping.end"] * 2 + ["mapping.give"] * 3


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [
        (Mapping((GrantSpec("portfolio", "nowhere", "view"),)), UnknownResource),
        (Mapping((GrantSpec("portfolio", "p1", "burn"),)), UnknownResource),
        (Mapping((VIEW,), ("wizard",)), UnknownRole),
    ],
)
def test_what_is_unknown_is_refused_and_nothing_is_saved(traders, wanted, refusal):
    with pytest.raises(refusal):
        mappings.replace(traders, wanted, actor=SETUP)
    assert mappings.of_group(traders) == Mapping()


def test_the_last_administrator_cannot_lean_on_a_group(acme, ada, traders):
    from identity.errors import LastAdministrator

    groups.change(traders, add=[str(ada.pk)], actor=SETUP)
    mappings.replace(traders, Mapping((), ("organization_admin",)), actor=SETUP)
    with pytest.raises(LastAdministrator):
        roles.replace(ada, [], actor=SETUP)
