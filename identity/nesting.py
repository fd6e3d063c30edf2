"""Groups in groups: nothing is copied, nothing turns in a circle, and nothing is deeper than a reader can follow.

Changes of nesting in one organization wait for each other: if two groups were put into each other at the same time, neither change
would see the circle. Everything else about groups goes on meanwhile.
Why: docs/decisions/nested-groups.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, Subject, record_all
from identity import tenancy
from identity.access_sql import IN_GROUP
from identity.errors import GroupCycle, Invalid, TooMany
from identity.models import Group, Nesting

# Groups one above the other, the lowest and the highest among them.
DEPTH_MAX = 8
# Groups directly in one group.
CHILDREN_MAX = 1000

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('rollcall.nesting ' || %s, 0))"
# Ends at the depth by itself: should a circle ever stand in the table, it must not keep a request.
_ABOVE = f"""
WITH RECURSIVE above (id, steps) AS (
  SELECT %(group)s::uuid, 0
   UNION
  SELECT nesting.parent_id, above.steps + 1 FROM above
    JOIN identity_nesting nesting ON nesting.organization_id = %(organization)s AND nesting.child_id = above.id
         AND nesting.ended_at IS NULL
   WHERE above.steps <= {DEPTH_MAX}
)
SELECT id, max(steps) FROM above GROUP BY id"""  # noqa: S608 - built from constants alone
_BELOW = f"""
WITH RECURSIVE below (top, id, steps) AS (
  SELECT id, id, 0 FROM unnest(%(children)s::uuid[]) AS child (id)
   UNION
  SELECT below.top, nesting.child_id, below.steps + 1 FROM below
    JOIN identity_nesting nesting ON nesting.organization_id = %(organization)s AND nesting.parent_id = below.id
         AND nesting.ended_at IS NULL
   WHERE below.steps <= {DEPTH_MAX}
)
SELECT top, max(steps) FROM below GROUP BY top"""  # noqa: S608 - built from constants alone


# The place of a group in another: (parent, child).
Place = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Nested:
    """What came of naming groups for a group: those found (`known`), and those of them that were not in it yet (`added`)."""

    known: frozenset[UUID] = frozenset()
    added: tuple[UUID, ...] = ()


def add(group: Group, ids: Sequence[UUID], *, actor: Actor) -> Nested:
    """Put those of the ids that are groups of the same directory into the group; the caller holds its lock and the transaction.

    Raises GroupCycle, Invalid for a depth beyond DEPTH_MAX, TooMany beyond CHILDREN_MAX.
    """
    if not ids or not _named(group, ids).exists():
        return Nested()
    hold(group.organization_id)
    # Read again: what was deleted before we held the lock is a group no longer.
    children = {child.pk: child for child in _named(group, ids)}
    there = set(_open(group).values_list("child_id", flat=True))
    new = [child for pk, child in children.items() if pk not in there]
    if new:
        _check(group, [child.pk for child in new])
        if len(there) + len(new) > CHILDREN_MAX:
            raise TooMany(f"A group holds at most {CHILDREN_MAX} other groups.", field="members")
        now = timezone.now()
        Nesting.objects.bulk_create(
            Nesting(organization_id=group.organization_id, parent=group, child=child, started_at=now)
            for child in new
        )
        record_all(_line(Event.GROUP_NEST, group, child, actor, [None, group.display_name]) for child in new)
    return Nested(frozenset(children), tuple(child.pk for child in new))


def remove(group: Group, ids: Iterable[UUID], *, actor: Actor) -> list[UUID]:
    """Take groups out of the group; return which. The caller holds its lock."""
    return _end(list(_open(group).select_related("child").filter(child__among=list(ids))), actor)


def remove_others(group: Group, keep: Sequence[UUID], named: Sequence[str], *, actor: Actor) -> list[UUID]:
    """Take all groups out but those to keep, and those that are named by their external ids; return which. The caller holds its lock."""
    kept, names = set(keep), set(named)
    rows = _open(group).select_related("child")
    return _end(
        [row for row in rows if row.child_id not in kept and row.child.external_id not in names], actor
    )


def dissolve(group: Group, *, actor: Actor) -> list[Place]:
    """Take the group out of every group that it is in, and every group out of it; return what ended. The caller holds its lock.

    Those that it was in are other ones without it, and of a new version.
    """
    hold(group.organization_id)
    below = remove_others(group, (), (), actor=actor)
    of_organization = Nesting.objects.filter(organization=group.organization_id, ended_at__isnull=True)
    above = list(of_organization.filter(child=group).select_related("child", "parent"))
    _end(above, actor)
    if above:
        parents = Group.objects.filter(
            organization=group.organization_id, pk__in=[row.parent_id for row in above]
        )
        parents.update(version=F("version") + 1, changed_at=timezone.now())
    return [(group.pk, child) for child in below] + [(row.parent_id, group.pk) for row in above]


def people_in(organization_id: UUID, group_id: UUID, at: datetime | None = None) -> set[UUID]:
    """Return who is in the group by whatever way, now or at a time."""
    values = {"organization": organization_id, "group": group_id, "at": at}
    return {member for (member,) in tenancy.read(organization_id, IN_GROUP[0 if at is None else 1], values)}


def hold(organization_id: UUID) -> None:
    """Have every other change of nesting in the organization wait until this transaction ends.

    After the rows of all groups that it changes are locked: whoever has one of them may wait for this.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [str(organization_id)])


def _check(group: Group, children: list[UUID]) -> None:
    values: Any = {"organization": group.organization_id, "group": group.pk, "children": children}
    with connection.cursor() as cursor:
        cursor.execute(_ABOVE, values)
        above = dict(cursor.fetchall())
        cursor.execute(_BELOW, values)
        below = dict(cursor.fetchall())
    if above.keys() & set(children):
        message = f"“{group.display_name}” would be in itself: it is in a group that is to be put into it."
        raise GroupCycle(message, field="members")
    if max(above.values()) + 1 + max(below.values()) >= DEPTH_MAX:
        message = (
            f"At most {DEPTH_MAX} groups are one above the other; put “{group.display_name}” in a higher one."
        )
        raise Invalid(message, field="members")


def _named(group: Group, ids: Sequence[UUID]):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a query set
    return Group.objects.filter(
        organization=group.organization_id, directory=group.directory_id, pk__among=ids, ended_at__isnull=True
    )


def _open(group: Group):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a query set
    return Nesting.objects.filter(organization=group.organization_id, parent=group, ended_at__isnull=True)


def _end(rows: list[Nesting], actor: Actor) -> list[UUID]:
    if rows:
        Nesting.objects.filter(
            organization=rows[0].organization_id, pk__in=[row.pk for row in rows], ended_at__isnull=True
        ).update(ended_at=timezone.now())
        record_all(
            _line(Event.GROUP_UNNEST, row.parent, row.child, actor, [row.parent.display_name, None])
            for row in rows
        )
    return [row.child_id for row in rows]


def _line(event: Event, parent: Group, child: Group, actor: Actor, change: list[str | None]) -> Line:
    subject = Subject("group", str(child.pk), child.display_name)
    about = {"group": str(parent.pk)}
    return Line(event, parent.organization_id, actor, subject, changes={"group": change}, data=about)
