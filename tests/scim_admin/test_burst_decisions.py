"""A burst of leavers is decided on once: everybody comes back who was not changed since, or stays out."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from identity import members, tenancy
from identity.errors import Conflict
from identity.models import Directory, Link, Member
from scim import bursts
from scim.models import Burst, Departure
from tests.conftest import later, states
from tests.scim.talk import Scim, entries
from tests.scim_admin.leavers import ADA, DOWN, UP, bursts_of, guarded, outcomes, people
from tests.statements import Statements


def test_rolling_back_brings_everybody_of_the_burst_back_and_nobody_else(acme, okta):
    scim = guarded(okta)
    ids = people(scim)
    with tenancy.of(acme):
        by_hand = Member.objects.get(pk=ids[9])
    members.suspend(by_hand, actor=ADA)
    for each in ids[:4]:
        scim.patch(f"/Users/{each}", DOWN)
    (burst,) = bursts_of(acme)
    done = bursts.decide(burst, Burst.Decision.ROLL_BACK, actor=ADA)
    assert done.done_at
    assert [name for name, state in states(acme).items() if state != "active"] == ["p9"]
    assert outcomes(acme) == [("suspend", "restored")] * 4
    (entry,) = entries(acme, event="sync.roll_back")
    assert (entry.actor_id, entry.subject_id) == (ADA.id, str(okta.directory.pk))
    assert {each.actor_id for each in entries(acme, event="member.reactivate")} == {ADA.id}


def test_confirming_leaves_everybody_out(acme, okta):
    scim = guarded(okta)
    for each in people(scim)[:4]:
        scim.patch(f"/Users/{each}", DOWN)
    (burst,) = bursts_of(acme)
    assert bursts.decide(burst, Burst.Decision.CONFIRM, actor=ADA).done_at
    assert list(states(acme).values()).count("suspended") == 4
    assert outcomes(acme) == [("suspend", "confirmed")] * 4
    assert len(entries(acme, event="sync.approve")) == 1


def test_who_was_changed_since_is_left_alone(acme, okta):
    scim = guarded(okta)
    ids = people(scim)
    for each in ids[:4]:
        scim.patch(f"/Users/{each}", DOWN)
    scim.patch(f"/Users/{ids[0]}", UP)
    with tenancy.of(acme):
        gone = Member.objects.get(pk=ids[1])
        kept = Member.objects.get(pk=ids[2])
    members.offboard(gone, actor=ADA, reason="left")
    members.suspend(kept, actor=ADA, reason="stolen laptop")
    (burst,) = bursts_of(acme)
    with tenancy.of(acme):
        assert bursts.preview(burst, Burst.Decision.ROLL_BACK) == {"changed_since": 3, "come_back": 1}
    bursts.decide(burst, Burst.Decision.ROLL_BACK, actor=ADA)
    assert (states(acme)["p1"], states(acme)["p2"]) == ("offboarded", "suspended")
    assert [outcome for _, outcome in outcomes(acme)] == ["restored"] + ["skipped:changed_since"] * 3


def test_who_was_deactivated_and_deleted_later_comes_back_too(acme, okta):
    scim = guarded(okta)
    ids = people(scim)
    scim.patch(f"/Users/{ids[0]}", DOWN)
    with later(minutes=10):
        scim.delete(f"/Users/{ids[0]}")
        for each in ids[1:4]:
            scim.patch(f"/Users/{each}", DOWN)
        (burst,) = bursts_of(acme)
        with tenancy.of(acme):
            assert bursts.preview(burst, Burst.Decision.ROLL_BACK) == {"come_back": 4}
        bursts.decide(burst, Burst.Decision.ROLL_BACK, actor=ADA)
    assert set(states(acme).values()) == {"active"}
    assert scim.get(f"/Users/{ids[0]}").body["active"] is True


def test_a_decision_cannot_be_turned_round(acme, okta):
    scim = guarded(okta)
    for each in people(scim)[:4]:
        scim.patch(f"/Users/{each}", DOWN)
    (burst,) = bursts_of(acme)
    bursts.decide(burst, Burst.Decision.CONFIRM, actor=ADA)
    assert bursts.decide(burst, Burst.Decision.CONFIRM, actor=ADA).decision == "confirm"
    with pytest.raises(Conflict):
        bursts.decide(burst, Burst.Decision.ROLL_BACK, actor=ADA)
    assert len(entries(acme, event="sync.approve")) == 1


def test_leavers_side_by_side_make_one_burst_and_all_come_back(acme, okta):
    scim = guarded(okta)
    ids = people(scim, 24)
    ready = threading.Barrier(6)

    def leave(part):
        try:
            ready.wait()
            return [Scim(okta).patch(f"/Users/{each}", DOWN).status for each in ids[part::6]]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert {status for each in pool.map(leave, range(6)) for status in each} == {200}
    (burst,) = bursts_of(acme)
    bursts.decide(burst, Burst.Decision.ROLL_BACK, actor=ADA)
    with tenancy.of(acme):
        late = Departure.objects.filter(burst=None).values_list("member_id", flat=True)
        out = Member.objects.exclude(state="active").values_list("pk", flat=True)
        assert set(out) <= set(late)
        assert Link.objects.filter(directory=Directory.objects.get(pk=okta.directory.pk)).count() == 24


def test_who_leaves_while_the_burst_is_rolled_back_is_not_lost(acme, okta):
    scim = guarded(okta)
    ids = people(scim, 30)
    for each in ids[:12]:
        scim.patch(f"/Users/{each}", DOWN)
    (burst,) = bursts_of(acme)
    ready = threading.Barrier(2)

    def leave():
        try:
            ready.wait()
            for each in ids[12:24]:
                Scim(okta).patch(f"/Users/{each}", DOWN)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        leaving = pool.submit(leave)
        ready.wait()
        bursts.decide(burst, Burst.Decision.ROLL_BACK, actor=ADA)
        leaving.result()
    with tenancy.of(acme):
        # Whoever is out is of no burst, or of one that can still be decided; nobody of the first one was forgotten.
        forgotten = Departure.objects.filter(burst=burst, outcome="")
        assert not forgotten.exists()
        out = set(Member.objects.exclude(state="active").values_list("pk", flat=True))
        elsewhere = set(Departure.objects.exclude(burst=burst).values_list("member_id", flat=True))
        assert out <= elsewhere


def test_many_suspended_come_back_by_as_many_statements_as_few(acme, okta):
    scim = guarded(okta)
    ids = people(scim, 34)
    taken = []
    for leaving in (ids[:11], ids[11:]):
        for each in leaving:
            scim.patch(f"/Users/{each}", DOWN)
        with Statements() as carrying:
            bursts.decide(bursts_of(acme)[-1], Burst.Decision.ROLL_BACK, actor=ADA)
        taken.append(len(carrying.statements))
    assert set(states(acme).values()) == {"active"}
    assert taken[0] == taken[1]
