"""Deletions beyond the burst guard's budget are put off, and what was done to a group with them is taken back."""

from uuid import UUID

from identity import moves, tenancy
from identity.models import Group, Membership
from identity.move_plan import Wanted
from scim import bursts
from scim.models import Burst
from tests.conftest import states
from tests.scim_admin.leavers import ADA, DOWN, bursts_of, guarded, outcomes, people
from tests.statements import Statements


def test_a_deletion_that_was_put_off_is_not_done_to_whoever_moved_to_another_directory_since(
    acme, okta, entra
):
    scim = guarded(okta)
    ids = people(scim)
    for each in ids[:4]:
        scim.delete(f"/Users/{each}")
    moves.move(okta.directory, entra.directory, Wanted({UUID(ids[2]): None}), actor=ADA)
    (burst,) = bursts_of(acme)
    with tenancy.of(acme):
        told = bursts.preview(burst, Burst.Decision.CONFIRM)
    assert (told["offboarded"], told["changed_since"]) == (1, 1)
    bursts.decide(burst, Burst.Decision.CONFIRM, actor=ADA)
    assert (states(acme)["p2"], states(acme)["p3"]) == ("suspended", "offboarded")


def test_deletions_beyond_the_budget_are_put_off_until_confirmed(acme, okta):
    scim = guarded(okta)
    ids = people(scim)
    assert [scim.delete(f"/Users/{each}").status for each in ids[:5]] == [204] * 5
    assert sorted(states(acme).values()) == ["active"] * 5 + ["offboarded"] * 2 + ["suspended"] * 3
    (burst,) = bursts_of(acme)
    bursts.decide(burst, Burst.Decision.CONFIRM, actor=ADA)
    assert sorted(states(acme).values()) == ["active"] * 5 + ["offboarded"] * 5
    assert scim.get(f"/Users/{ids[4]}").status == 404
    assert outcomes(acme) == [("delete", "confirmed")] * 2 + [("delete_held", "offboarded")] * 3


def test_rolling_back_deletions_brings_back_person_link_access_and_groups(acme, okta):
    scim = guarded(okta)
    ids = people(scim)
    staff = scim.create_group("Staff", *ids[:4])
    for each in ids[:4]:
        scim.delete(f"/Users/{each}")
    bursts.decide(bursts_of(acme)[0], Burst.Decision.ROLL_BACK, actor=ADA)
    assert set(states(acme).values()) == {"active"}
    shown = scim.get(f"/Users/{ids[0]}")
    assert (shown.status, shown.body["externalId"], shown.body["active"]) == (200, "x0", True)
    members_now = {each["value"] for each in scim.get(f"/Groups/{staff['id']}").body["members"]}
    assert members_now == set(ids[:4])


def test_deleting_somebody_who_is_held_is_put_off_as_well(acme, okta):
    scim = guarded(okta)
    ids = people(scim)
    for each in ids[:4]:
        scim.patch(f"/Users/{each}", DOWN)
    assert scim.delete(f"/Users/{ids[0]}").status == 204
    assert states(acme)["p0"] == "suspended"
    bursts.decide(bursts_of(acme)[0], Burst.Decision.CONFIRM, actor=ADA)
    assert states(acme)["p0"] == "offboarded"


def test_a_client_that_creates_the_held_people_anew_gets_them_back(acme, okta):
    scim = guarded(okta)
    ids = people(scim)
    for each in ids[:5]:
        scim.delete(f"/Users/{each}")
    answer = scim.post("/Users", {"userName": "p4", "externalId": "x4"})
    assert (answer.status, answer.body["id"]) == (201, ids[4])


def test_emptying_a_group_is_held_and_the_memberships_come_back(acme, okta):
    scim = guarded(okta)
    ids = people(scim)
    staff = scim.create_group("Staff", *ids[:6])
    assert scim.patch(f"/Groups/{staff['id']}", {"op": "remove", "path": "members"}).status in {200, 204}
    with tenancy.of(acme):
        assert not Membership.objects.filter(ended_at=None).exists()
    (burst,) = bursts_of(acme)
    assert burst.kind == "groups"
    bursts.decide(burst, Burst.Decision.ROLL_BACK, actor=ADA)
    shown = scim.get(f"/Groups/{staff['id']}").body
    assert {each["value"] for each in shown["members"]} == set(ids[:6])


def test_a_deleted_group_comes_back_with_its_members(acme, okta):
    scim = guarded(okta)
    ids = people(scim)
    staff = scim.create_group("Staff", *ids[:6])
    assert scim.delete(f"/Groups/{staff['id']}").status == 204
    bursts.decide(bursts_of(acme)[0], Burst.Decision.ROLL_BACK, actor=ADA)
    shown = scim.get(f"/Groups/{staff['id']}").body
    assert (shown["displayName"], len(shown["members"])) == ("Staff", 6)


def test_a_group_made_anew_meanwhile_is_not_doubled(acme, okta):
    scim = guarded(okta)
    ids = people(scim)
    staff = scim.create_group("Staff", *ids[:6])
    scim.delete(f"/Groups/{staff['id']}")
    scim.create_group("Staff", ids[0])
    bursts.decide(bursts_of(acme)[0], Burst.Decision.ROLL_BACK, actor=ADA)
    with tenancy.of(acme):
        assert Group.objects.filter(ended_at=None).count() == 1
    assert {outcome for _, outcome in outcomes(acme)} == {"skipped:name_taken"}


def test_many_held_deletions_are_confirmed_by_as_many_statements_as_few(acme, okta):
    scim = guarded(okta)
    ids = people(scim, 34)
    taken = []
    for leaving in (ids[:11], ids[11:]):
        for each in leaving:
            scim.delete(f"/Users/{each}")
        with Statements() as carrying:
            bursts.decide(bursts_of(acme)[-1], Burst.Decision.CONFIRM, actor=ADA)
        taken.append(len(carrying.statements))
    held = [kind for kind, outcome in outcomes(acme) if outcome == "offboarded"]
    assert len(held) > 15
    assert set(held) == {"delete_held"}
    assert set(states(acme).values()) == {"offboarded"}
    assert taken[0] == taken[1]
