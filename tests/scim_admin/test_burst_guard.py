"""The burst guard: too many leavers at once are out, and can all be brought back."""

import pytest

from identity import tenancy
from scim import burst_guard, bursts
from scim.models import Burst
from tests.conftest import states
from tests.scim.talk import entries
from tests.scim_admin.leavers import ADA, DOWN, SMALL, UP, bursts_of, guarded, outcomes, people


def test_leavers_within_the_budget_are_nobodys_business(acme, okta):
    scim = guarded(okta)
    for each in people(scim)[:2]:
        scim.patch(f"/Users/{each}", DOWN)
    assert bursts_of(acme) == []
    assert entries(acme, event="sync.hold") == []


def test_who_is_made_and_deleted_at_once_was_a_try(acme, okta):
    scim = guarded(okta)
    for number in range(5):
        first, second = scim.create(f"first{number}")["id"], scim.create(f"second{number}")["id"]
        assert [scim.delete(f"/Users/{each}").status for each in (second, first)] == [204, 204]
        assert [scim.get(f"/Users/{each}").status for each in (first, second)] == [404, 404]
    assert bursts_of(acme) == []


def test_who_is_deleted_while_others_came_later_is_counted(acme, okta):
    scim = guarded(okta)
    ids = people(scim)
    for each in ids[:3]:
        assert scim.delete(f"/Users/{each}").status == 204
    (burst,) = bursts_of(acme)
    with tenancy.of(acme):
        assert bursts.summary(burst) == {"delete": 2, "delete_held": 1}


def test_who_has_been_here_for_a_while_is_counted_though_nobody_came_later(acme, okta, eraser):
    scim = guarded(okta)
    ids = people(scim, 4)
    eraser.execute("SET session_replication_role = replica")
    eraser.execute("UPDATE identity_member SET created_at = created_at - interval '6 minutes'")
    eraser.execute("RESET session_replication_role")
    for each in reversed(ids):
        assert scim.delete(f"/Users/{each}").status == 204
    assert len(bursts_of(acme)) == 1


def test_both_limits_must_be_exceeded(acme, okta):
    scim = guarded(okta, {"members": 2, "percent": 50, "seconds": 3600})
    ids = people(scim)
    for each in ids[:5]:
        scim.patch(f"/Users/{each}", DOWN)
    assert bursts_of(acme) == []  # five of ten are not more than half of them
    scim.patch(f"/Users/{ids[5]}", DOWN)
    assert len(bursts_of(acme)) == 1


def test_a_burst_is_held_while_the_client_gets_its_success(acme, okta):
    scim = guarded(okta)
    answers = [scim.patch(f"/Users/{each}", DOWN) for each in people(scim)[:4]]
    assert [(answer.status, answer.body["active"]) for answer in answers] == [(200, False)] * 4
    assert list(states(acme).values()).count("suspended") == 4
    (burst,) = bursts_of(acme)
    assert (burst.kind, burst.decision, burst.budget) == ("people", "", SMALL)
    with tenancy.of(acme):
        assert bursts.summary(burst) == {"suspend": 4}
    (entry,) = entries(acme, event="sync.hold")
    assert (entry.actor_kind, entry.subject_id) == ("directory", str(okta.directory.pk))


def test_somebody_brought_back_no_longer_counts(acme, okta):
    scim = guarded(okta)
    for each in people(scim)[:8]:
        scim.patch(f"/Users/{each}", DOWN)
        scim.patch(f"/Users/{each}", UP)
    assert bursts_of(acme) == []


def test_null_switches_the_guard_off(acme, okta):
    scim = guarded(okta, None)
    for each in people(scim):
        scim.patch(f"/Users/{each}", DOWN)
    assert (bursts_of(acme), outcomes(acme)) == ([], [])


def test_after_a_decision_counting_begins_anew(acme, okta):
    scim = guarded(okta)
    ids = people(scim, 20)
    for each in ids[:6]:
        scim.patch(f"/Users/{each}", DOWN)
    bursts.decide(bursts_of(acme)[0], Burst.Decision.CONFIRM, actor=ADA)
    scim.patch(f"/Users/{ids[6]}", DOWN)
    assert [burst.decision for burst in bursts_of(acme)] == ["confirm"]


def test_each_directory_has_its_own_budget(acme, okta, entra):
    scim, other = guarded(okta), guarded(entra)
    for each in people(scim)[:2]:
        scim.patch(f"/Users/{each}", DOWN)
    mine = [other.create(f"e{number}")["id"] for number in range(5)]
    for each in mine[:2]:
        other.patch(f"/Users/{each}", DOWN)
    assert bursts_of(acme) == []


@pytest.mark.parametrize(
    ("members_max", "percent", "total", "needed"),
    [
        (50, 5, 100, 51),  # five of a hundred are many, but not more than fifty
        (50, 5, 1000, 51),
        (50, 5, 1020, 52),  # 51 of 1,020 are exactly 5 %, and not more
        (50, 5, 1_000_000, 50_001),
        (0, 0, 1000, 1),
        (0, 100, 10, 11),  # more than all of them never leave
    ],
)
def test_a_burst_goes_beyond_both_limits(members_max, percent, total, needed):
    assert burst_guard.Budget(members_max, percent, 3600).needed(total) == needed


def test_a_large_directory_is_not_counted_with_each_departure(acme, okta, monkeypatch):
    scim = guarded(okta, {"members": 0, "percent": 90, "seconds": 3600})
    ids = people(scim, 40)
    counts = []
    real = burst_guard._count
    monkeypatch.setattr(burst_guard, "_count", lambda *args: counts.append(1) or real(*args))
    for each in ids[:37]:
        scim.patch(f"/Users/{each}", DOWN)
    # Noticed with the 37th of 40, the very first that is more than 90 %, though few of those before were counted.
    assert len(bursts_of(acme)) == 1
    assert len(counts) < 2 * 37
    with tenancy.of(acme):
        assert bursts.summary(bursts_of(acme)[0]) == {"suspend": 37}
