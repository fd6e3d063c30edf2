"""Notices when more people leave through a directory at once than is likely meant, and holds the burst for an administrator.

Nothing is refused: the client gets its success and whoever left is out. What the guard keeps is the way back: each departure is a row,
written with the verb; beyond the directory's budget the rows become a burst, and from then on nobody of it is offboarded by a machine.
Why: docs/decisions/burst-guard.md.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Sum
from django.utils import timezone

from audit.events import Event
from audit.ids import uuid7
from audit.record import Actor, record
from identity import directories, directory_settings, tenancy
from identity.models import Directory, DirectorySize
from scim.models import Burst, Departure

PEOPLE: Final = "people"
GROUPS: Final = "groups"
OF_GROUPS: Final = (Departure.Kind.LEAVE, Departure.Kind.UNNEST)
_KINDS: Final = {
    PEOPLE: [Departure.Kind.SUSPEND.value, Departure.Kind.DELETE.value, Departure.Kind.HELD.value],
    GROUPS: [kind.value for kind in OF_GROUPS],
}
# How many processes may see a part of one burst each; see `_Patience`.
_PROCESSES: Final = 16
_COUNTED_SECONDS: Final = 60.0
_EVERYBODY: Final = 2**31
TRIAL: Final = timedelta(minutes=5)

# A burst grows as long as people keep leaving. FOR SHARE: an administrator who decides waits for us, or we find it decided.
_NOTE: Final = """
WITH held AS (
  SELECT burst.id FROM scim_burst burst
   WHERE burst.organization_id = %(organization)s AND burst.directory_id = %(directory)s AND burst.kind = %(family)s AND burst.decision = ''
     AND EXISTS (SELECT 1 FROM scim_departure earlier WHERE earlier.organization_id = %(organization)s AND earlier.burst_id = burst.id
                    AND earlier.happened_at > %(since)s)
   ORDER BY burst.id DESC LIMIT 1 FOR SHARE
)
INSERT INTO scim_departure (id, organization_id, directory_id, member_id, group_id, through_id, kind, happened_at, outcome, burst_id)
SELECT row.id, %(organization)s, %(directory)s, row.member_id, %(group)s, %(through)s, %(kind)s, %(now)s, '', (SELECT id FROM held)
  FROM unnest(%(ids)s::uuid[], %(members)s::uuid[]) AS row (id, member_id)
RETURNING burst_id
"""
_COUNT: Final = """
SELECT count(*) FROM (
  SELECT DISTINCT member_id FROM scim_departure
   WHERE organization_id = %(organization)s AND directory_id = %(directory)s AND burst_id IS NULL AND happened_at > %(since)s
     AND kind = ANY (%(kinds)s) LIMIT %(most)s) AS limited
"""
# In this order an index begins at the place; else the planner expects somebody soon, and looks through everybody to find nobody.
_LATER: Final = """
SELECT member_id FROM identity_link
 WHERE organization_id = %(organization)s AND directory_id = %(directory)s AND member_id > %(member)s AND tombstoned_at IS NULL
 ORDER BY member_id LIMIT 1
"""
_STILL_HELD: Final = f"""
UPDATE scim_departure SET kind = '{Departure.Kind.HELD.value}'
 WHERE organization_id = %(organization)s AND member_id = ANY (%(members)s) AND kind <> ALL (%(of_groups)s)
   AND burst_id IN (SELECT id FROM scim_burst WHERE organization_id = %(organization)s AND decision = '')
RETURNING member_id
"""  # noqa: S608 - built from a constant
# For one PostgreSQL keeps its plan.
_STILL_HELD_ONE: Final = _STILL_HELD.replace("= ANY (%(members)s)", "= %(member)s")
_GATHER: Final = """
UPDATE scim_departure SET burst_id = %(burst)s
 WHERE organization_id = %(organization)s AND directory_id = %(directory)s AND burst_id IS NULL AND happened_at > %(since)s
   AND kind = ANY (%(kinds)s)
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """How many may leave: more than `members`, and more than `percent` of the active ones, within `seconds` is a burst."""

    members: int
    percent: int
    seconds: int

    @property
    def since(self) -> datetime:
        """Where the time that counts begins."""
        return timezone.now() - timedelta(seconds=self.seconds)

    def needed(self, total: int) -> int:
        """Return how many departures, of so many people who were active before, make a burst."""
        return max(self.members, self.percent * total // 100) + 1


@dataclass(slots=True)
class _Patience:
    """What this process remembers of a directory, so that it need not count with each departure.

    `skips` departures are let pass uncounted: so few that all processes together cannot reach the limit with them. A job counts besides.
    """

    total: int = 0
    counted_at: float = -_COUNTED_SECONDS
    skips: int = 0


_patience: dict[tuple[UUID, str], _Patience] = {}
_PATIENCE_MAX: Final = 10_000
# So many departures are noted by one statement: of a group of everybody it would take longer than a request may.
_PART: Final = 10_000


def budget_of(directory: Directory) -> Budget | None:
    """Return the directory's budget; None where the guard is switched off."""
    wanted: Mapping[str, int] | None = directory_settings.effective(directory.settings)["burst_guard"]
    return None if wanted is None else Budget(**wanted)


def note(
    directory: Directory,
    member_ids: Iterable[UUID],
    kind: str,
    *,
    actor: Actor,
    group_id: UUID | None = None,
    through_id: UUID | None = None,
) -> UUID | None:
    """Note who leaves, in the transaction of the verb, and return the burst that they belong to, if there is one.

    `through_id` is the group that was taken out of the group, where the people were not named themselves.
    """
    members = list(member_ids)
    budget = budget_of(directory)
    if budget is None or not members:
        return None
    family = GROUPS if group_id else PEOPLE
    values = _values(directory, family, budget) | {
        "group": group_id, "through": through_id, "kind": kind, "now": timezone.now(),
    }  # fmt: skip
    burst_id: UUID | None = None
    for first in range(0, len(members), _PART):
        part = members[first : first + _PART]
        rows = tenancy.asked(_NOTE, values | {"members": part, "ids": [uuid7() for _ in part]})
        burst_id = rows[0][0]
    return burst_id or _watch(directory, family, budget, actor, len(members))


def note_deletion(
    directory: Directory, member_id: UUID, *, is_active: bool, arrived: datetime, actor: Actor
) -> bool:
    """Note that a person is deleted who `arrived` then; tells whether that is to be held, the person being suspended instead."""
    if not is_active:
        return bool(still_held(directory, [member_id]))
    # Whether it was a try is asked where it matters alone.
    if budget_of(directory) is None or was_on_trial(directory, member_id, arrived):
        return False
    burst_id = note(directory, [member_id], Departure.Kind.DELETE, actor=actor)
    if burst_id is not None:
        hold_deleted(directory, [member_id], burst_id)
    return burst_id is not None


def still_held(directory: Directory, member_ids: Sequence[UUID]) -> set[UUID]:
    """Return who stays held. Somebody who is out already is no new departure."""
    values = {"organization": directory.organization_id, "of_groups": list(OF_GROUPS)}
    if len(member_ids) == 1:
        rows = tenancy.asked(_STILL_HELD_ONE, values | {"member": member_ids[0]})
    else:
        rows = tenancy.asked(_STILL_HELD, values | {"members": list(member_ids)})
    return {row[0] for row in rows}


def hold_deleted(directory: Directory, member_ids: Sequence[UUID], burst_id: UUID) -> None:
    """Say of departures just noted that these people are held."""
    theirs = Departure.objects.filter(
        organization=directory.organization_id, member__in=member_ids, burst=burst_id
    )
    theirs.filter(kind=Departure.Kind.DELETE, outcome="").update(kind=Departure.Kind.HELD)


def was_on_trial(directory: Directory, member_id: UUID, arrived: datetime) -> bool:
    """Tell whether it was a try: who is deleted came last of all who are here, and just now.

    JumpCloud tries a connection so, and test suites make and delete people by the hundred; counted, they would hold the next one.
    """
    if arrived < timezone.now() - TRIAL:
        return False
    values = {"organization": directory.organization_id, "directory": directory.pk, "member": member_id}
    return not tenancy.asked(_LATER, values)


def note_return(directory: Directory, member_id: UUID) -> None:
    """Forget the departure of somebody whom the directory brings back."""
    if budget_of(directory) is not None:
        Departure.objects.filter(
            organization=directory.organization_id, directory=directory, member=member_id, burst__isnull=True
        ).exclude(kind__in=OF_GROUPS).delete()


def watch(directory: Directory, family: str, *, actor: Actor) -> UUID | None:
    """Count once more, for departures that were noted side by side and could not see each other; the tenancy must be set."""
    budget = budget_of(directory)
    _patience.pop((directory.pk, family), None)
    return None if budget is None else _watch(directory, family, budget, actor, 1)


def is_held() -> Exists:
    """Return the condition on members that they belong to a burst on which nobody has decided: no job ends what they have."""
    return Exists(
        Departure.objects.filter(
            organization=OuterRef("organization_id"), member=OuterRef("pk"), burst__decision=""
        )
    )


def _watch(directory: Directory, family: str, budget: Budget, actor: Actor, arrived: int) -> UUID | None:
    known = _patience.setdefault((directory.pk, family), _Patience())
    known.skips -= arrived
    if known.skips >= 0:
        return None
    if _count(directory, family, budget, budget.members + 1) <= budget.members:
        known.skips = 0
        return None
    if time.monotonic() - known.counted_at > _COUNTED_SECONDS:
        if len(_patience) > _PATIENCE_MAX:
            _patience.clear()
        left = 0 if family == GROUPS else _count(directory, family, budget, _EVERYBODY)
        known.total, known.counted_at = _active(directory) + left, time.monotonic()
    needed = budget.needed(known.total)
    count = _count(directory, family, budget, needed)
    known.skips = max(needed - count, 0) // _PROCESSES
    return _hold(directory, family, budget, actor, known.total) if count >= needed else None


def _hold(directory: Directory, family: str, budget: Budget, actor: Actor, total: int) -> UUID:
    with tenancy.change(directory.organization_id), connection.cursor() as cursor:
        # Two departures that both go beyond the budget make one burst.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [f"burst:{directory.pk}:{family}"]
        )
        recent = Departure.objects.filter(
            organization=directory.organization_id, burst=OuterRef("pk"), happened_at__gt=budget.since
        )
        burst = (
            Burst.objects.filter(Exists(recent), organization=directory.organization_id, directory=directory)
            .filter(kind=family, decision="")
            .order_by("-id")
            .first()
        )
        if burst is None:
            burst = Burst(
                organization_id=directory.organization_id, directory=directory, kind=family, opened_at=timezone.now(),
                budget={"members": budget.members, "percent": budget.percent, "seconds": budget.seconds},
            )  # fmt: skip
            burst.save(force_insert=True)
            record(
                Event.SYNC_HOLD,
                organization_id=directory.organization_id,
                actor=actor,
                subject=directories.subject_of(directory),
                data={"burst": str(burst.pk), "kind": family, "people": total, "budget": burst.budget},
            )
        cursor.execute(_GATHER, _values(directory, family, budget) | {"burst": burst.pk})
    return burst.pk


def _count(directory: Directory, family: str, budget: Budget, most: int) -> int:
    return int(tenancy.asked(_COUNT, _values(directory, family, budget) | {"most": most})[0][0])


def _active(directory: Directory) -> int:
    sizes = DirectorySize.objects.filter(organization=directory.organization_id, directory=directory)
    return int(sizes.aggregate(active=Sum("active"))["active"] or 0)


def _values(directory: Directory, family: str, budget: Budget) -> dict[str, Any]:
    return {
        "organization": directory.organization_id,
        "directory": directory.pk,
        "family": family,
        "kinds": _KINDS[family],
        "since": budget.since,
    }
