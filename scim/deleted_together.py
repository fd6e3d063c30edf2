"""Deletes those whom a lot named, at its end: one offboarding of all, as if it had been one after the other.

Why: docs/decisions/scim-bulk.md.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.utils import timezone

from identity import offboarding, tenancy
from identity.exits import Leaving
from identity.models import Directory, Member
from identity.together import ApartError
from scim import burst_guard, people
from scim.authentication import Caller
from scim.models import Departure

# The directory's id as a range: were it an equal one, the planner could take the order of the organization's members for as good.
_LAST: Final = """
SELECT member_id FROM identity_link
 WHERE organization_id = %(organization)s AND directory_id >= %(directory)s AND directory_id <= %(directory)s
   AND member_id <> ALL (%(members)s) AND tombstoned_at IS NULL
 ORDER BY directory_id DESC, member_id DESC LIMIT 1
"""


def delete(who: Caller, leavers: Sequence[Member], *, begun: UUID) -> None:
    """Do what `people.deleted` does, for all of them in this order; the lot is younger than `begun`, an id.

    ApartError where whom the guard holds is a matter of who left before them.
    """
    if not leavers:
        return
    held = _held(who, leavers, begun)
    staying = Leaving(actor=who.actor, reason=people.HELD)
    for each in leavers:
        if each.pk in held and each.is_active:
            staying.add(each)
    staying.write()
    gone = [each for each in leavers if each.pk not in held]
    offboarding.offboard_all_locked(gone, actor=who.actor, reason=people.DELETED, tombstone=who.directory)


def _held(who: Caller, leavers: Sequence[Member], begun: UUID) -> set[UUID]:
    """Note who leaves, and return who is to be held."""
    out = [each.pk for each in leavers if not each.is_active]
    held = burst_guard.still_held(who.directory, out) if out else set()
    if burst_guard.budget_of(who.directory) is None:
        return held
    tries = _tries(who.directory, leavers, held)
    counted = [each.pk for each in leavers if each.is_active and each.pk not in tries]
    burst_id = burst_guard.note(who.directory, counted, Departure.Kind.DELETE, actor=who.actor)
    if burst_id is None:
        return held
    if burst_id > begun:
        # Whoever left before it was opened is not held.
        raise ApartError
    burst_guard.hold_deleted(who.directory, counted, burst_id)
    return held.union(counted)


def _tries(directory: Directory, leavers: Sequence[Member], held: set[UUID]) -> set[UUID]:
    """Return who of them was a try of the connection: all the same whether the guard holds the others."""
    since = timezone.now() - burst_guard.TRIAL
    young = {each.pk for each in leavers if each.is_active and each.created_at >= since}
    if not young:
        return young
    order = [each.pk for each in leavers]
    rows = tenancy.asked(
        _LAST, {"organization": directory.organization_id, "directory": directory.pk, "members": order}
    )
    last = rows[0][0] if rows else None
    tries = _last_ones(order, young, last, staying=held)
    if tries != _last_ones(
        order, young, last, staying={each.pk for each in leavers if each.is_active} | held
    ):
        raise ApartError
    return tries


def _last_ones(
    order: Sequence[UUID], young: set[UUID], last: UUID | None, *, staying: set[UUID]
) -> set[UUID]:
    """Return who, deleted in this order, came last of all who are still here: only young ones count.

    `last` came last of everybody else; of those who are not young, `staying` are not deleted.
    """
    here, found = set(order), set[UUID]()
    for each in order:
        if each in young and each == max(here) and (last is None or last < each):
            found.add(each)
        if each in found or each not in staying:
            here.discard(each)
    return found
