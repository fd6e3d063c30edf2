"""Taking a group out of another, or deleting it, is counted person by person, and taken back as one."""

import pytest

from identity import tenancy
from identity.models import Group, Nesting
from scim import bursts
from scim.models import Burst, Departure
from tests.api.client import recorded, token_of
from tests.console.conftest import visit
from tests.scim_admin.leavers import ADA, bursts_of, guarded, people
from tests.statements import Statements


@pytest.fixture
def scim(acme, okta):
    return guarded(okta)


def out(member):
    return {"op": "remove", "path": f'members[value eq "{member}"]'}


def nested(organization):
    with tenancy.of(organization):
        return set(
            Nesting.objects.filter(ended_at__isnull=True).values_list(
                "parent__display_name", "child__display_name"
            )
        )


def noted(organization):
    with tenancy.of(organization):
        return sorted(
            Departure.objects.values_list(
                "member__user_name", "kind", "group__display_name", "through__display_name"
            )
        )


def decided(organization, decision):
    (burst,) = bursts_of(organization)
    bursts.decide(burst, decision, actor=ADA)
    with tenancy.of(organization):
        return sorted(Departure.objects.values_list("kind", "outcome"))


def test_a_group_taken_out_of_another_is_a_burst_and_goes_back(acme, scim):
    ids = people(scim)
    inner = scim.create_group("Inner", *ids[:4])["id"]
    outer = scim.create_group("Outer", inner, ids[0])["id"]
    assert scim.patch(f"/Groups/{outer}", out(inner)).status in {200, 204}
    # p0 is in the outer one by name, and has lost nothing.
    assert noted(acme) == [(f"p{n}", "leave_nested_group", "Outer", "Inner") for n in (1, 2, 3)]
    (burst,) = bursts_of(acme)
    assert burst.kind == "groups"
    with tenancy.of(acme):
        assert bursts.preview(burst, Burst.Decision.ROLL_BACK) == {"back_in_group": 3}
    assert decided(acme, Burst.Decision.ROLL_BACK) == [("leave_nested_group", "restored")] * 3
    assert nested(acme) == {("Outer", "Inner")}


def test_within_the_budget_it_is_nobodys_business(acme, scim):
    ids = people(scim)
    inner = scim.create_group("Inner", *ids[:2])["id"]
    outer = scim.create_group("Outer", inner)["id"]
    scim.patch(f"/Groups/{outer}", out(inner))
    assert bursts_of(acme) == []
    assert len(noted(acme)) == 2


def test_who_is_in_by_another_way_loses_nothing(acme, scim):
    ids = people(scim)
    inner = scim.create_group("Inner", *ids[:4])["id"]
    middle = scim.create_group("Middle", inner)["id"]
    outer = scim.create_group("Outer", inner, middle)["id"]
    scim.patch(f"/Groups/{outer}", out(inner))
    assert noted(acme) == []
    scim.patch(f"/Groups/{outer}", out(middle))
    assert len(noted(acme)) == 4
    assert len(bursts_of(acme)) == 1


def test_a_put_without_the_groups_takes_them_out_too(acme, scim):
    ids = people(scim)
    inner = scim.create_group("Inner", *ids[:4])["id"]
    outer = scim.create_group("Outer", inner)["id"]
    body = {"displayName": "Outer", "members": [{"value": ids[9]}]}
    assert scim.put(f"/Groups/{outer}", body).status == 200
    assert len(noted(acme)) == 4
    assert decided(acme, Burst.Decision.CONFIRM) == [("leave_nested_group", "confirmed")] * 4
    assert nested(acme) == set()


def test_a_deleted_group_comes_back_in_its_place_with_groups_and_people(acme, scim):
    ids = people(scim)
    low = scim.create_group("Low", *ids[:3])["id"]
    middle = scim.create_group("Middle", low, *ids[3:6])["id"]
    scim.create_group("High", middle)
    assert scim.delete(f"/Groups/{middle}").status == 204
    assert noted(acme) == sorted(
        [(f"p{n}", "leave_group", "Middle", None) for n in (3, 4, 5)]
        + [(f"p{n}", "leave_nested_group", "Middle", "Low") for n in (0, 1, 2)]
        + [(f"p{n}", "leave_nested_group", "High", "Middle") for n in range(6)]
    )
    assert {outcome for _, outcome in decided(acme, Burst.Decision.ROLL_BACK)} == {"restored"}
    assert nested(acme) == {("High", "Middle"), ("Middle", "Low")}
    with tenancy.of(acme):
        assert Group.objects.get(pk=middle).ended_at is None


def test_what_somebody_put_back_meanwhile_is_left_alone(acme, scim):
    ids = people(scim)
    inner = scim.create_group("Inner", *ids[:4])["id"]
    outer = scim.create_group("Outer", inner)["id"]
    scim.patch(f"/Groups/{outer}", out(inner))
    scim.patch(f"/Groups/{outer}", {"op": "add", "path": "members", "value": [{"value": inner}]})
    (burst,) = bursts_of(acme)
    with tenancy.of(acme):
        assert bursts.preview(burst, Burst.Decision.ROLL_BACK) == {"changed_since": 4}
    assert decided(acme, Burst.Decision.ROLL_BACK) == [("leave_nested_group", "skipped:changed_since")] * 4


def test_people_and_groups_taken_out_together_count_each_person_once(acme, scim):
    ids = people(scim)
    inner = scim.create_group("Inner", ids[0], ids[1])["id"]
    outer = scim.create_group("Outer", inner, ids[0], ids[1])["id"]
    assert scim.patch(f"/Groups/{outer}", out(inner), out(ids[0]), out(ids[1])).status in {200, 204}
    assert [kind for _, kind, _, _ in noted(acme)] == ["leave_group", "leave_group"]
    assert bursts_of(acme) == []


def test_the_pages_and_the_api_tell_of_it(acme, ada, okta, scim):
    ids = people(scim)
    inner = scim.create_group("Inner", *ids[:4])["id"]
    outer = scim.create_group("Outer", inner)["id"]
    scim.patch(f"/Groups/{outer}", out(inner))
    (burst,) = bursts_of(acme)
    directory = okta.directory.pk
    shown = token_of(ada).get(f"/organizations/acme/directories/{directory}/bursts").json()["items"]
    assert shown[0]["departures"] == {"leave_nested_group": 4}
    page = visit(ada).get(f"/o/acme/directories/{directory}/held/{burst.pk}/").content
    assert b"whose group was taken out of Outer" in page


def test_a_group_of_more_people_than_a_statement_takes_is_one_burst(acme, scim, monkeypatch):
    for limit in ("identity.memberships._PART", "scim.burst_guard._PART", "audit.record.ENTRIES_AT_ONCE"):
        monkeypatch.setattr(limit, 2)
    ids = people(scim)
    group = scim.create_group("Everybody", *ids, ids[0])["id"]
    assert {each["value"] for each in scim.get(f"/Groups/{group}").body["members"]} == set(ids)
    assert [each["data"]["group"] for each in recorded(acme, "group.member_add")] == [group] * len(ids)
    assert scim.delete(f"/Groups/{group}").status == 204
    assert noted(acme) == [(f"p{n}", "leave_group", "Everybody", None) for n in range(len(ids))]
    (burst,) = bursts_of(acme)
    with tenancy.of(acme):
        assert bursts.summary(burst) == {"leave_group": len(ids)}


@pytest.mark.parametrize("decision", [Burst.Decision.ROLL_BACK, Burst.Decision.CONFIRM])
def test_a_decision_takes_as_many_statements_for_many_as_for_a_few(acme, scim, decision):
    """A group that its directory deletes by mistake is a burst of everybody in it."""
    ids = people(scim, 30)
    taken = []
    for name, members in (("Few", ids[:8]), ("Many", ids)):
        group = scim.create_group(name, *members)["id"]
        assert scim.delete(f"/Groups/{group}").status == 204
        burst = bursts_of(acme)[-1]
        with tenancy.of(acme), Statements() as looking:
            assert sum(bursts.preview(burst, decision).values()) == len(members)
        assert len(looking.statements) == 1
        with Statements() as carrying:
            bursts.decide(burst, decision, actor=ADA)
        taken.append(len(carrying.statements))
        is_back = decision is Burst.Decision.ROLL_BACK
        assert scim.get(f"/Groups/{group}").status == (200 if is_back else 404)
        if is_back:
            assert {each["value"] for each in scim.get(f"/Groups/{group}").body["members"]} == set(members)
    assert taken[0] == taken[1]
    assert bursts_of(acme)[-1].done_at


def test_who_left_one_group_twice_comes_back_once(acme, scim):
    ids = people(scim)
    group = scim.create_group("Team", *ids[:4])["id"]
    for each in (*ids[:4], None, ids[0]):
        if each is None:
            scim.patch(f"/Groups/{group}", {"op": "add", "path": "members", "value": [{"value": ids[0]}]})
        else:
            scim.patch(f"/Groups/{group}", out(each))
    assert decided(acme, Burst.Decision.ROLL_BACK) == [
        *[("leave_group", "restored")] * 4,
        ("leave_group", "skipped:changed_since"),
    ]
    assert {each["value"] for each in scim.get(f"/Groups/{group}").body["members"]} == set(ids[:4])
