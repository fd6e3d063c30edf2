"""One group of a directory: found, held with the people who are named for it, changed, and as it is afterwards.

A change goes `locked` → `change` → the answer. Where the answer shows the members, they are read before the change (`members_before`,
which waits for nothing) and `after` works out what they are now, so that nobody reads again what was just written.
Why: docs/decisions/round-trips.md.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils import timezone

from identity import group_changes, memberships, nesting, tenancy
from identity.group_changes import Delta
from identity.models import Group, Membership
from identity.nesting import Place
from identity.postgresql.base import Later
from identity.postgresql.flush import Statement
from scim import burst_guard, queries
from scim.authentication import Caller
from scim.errors import Code, ScimError
from scim.group_sql import FEW_MEMBERS, Members
from scim.membership import Changes
from scim.models import Departure
from scim.operations import Notices
from scim.resources import GroupRow, read_group

# A group of more people than this is not emptied by a remove that names none of them, unless the directory's setting allows it.
EMPTIED_MEMBERS_MAX = 50
EMPTYING_SETTING = "empties_groups"
_NOBODY: Final = Changes()


def found(who: Caller, group_id: UUID, *, members: Members) -> GroupRow:
    """Return one group of the directory. ScimError not_found, also for the groups of others."""
    row = queries.group(who, group_id, members=members)
    if row is None:
        raise ScimError(Code.NOT_FOUND, what="group")
    return row


def held(group_id: UUID, changes: Changes = _NOBODY) -> Statement:
    """Return the question for one group, whose row it holds after the rows of the people who are named for it."""
    outside = group_id if changes.replaced else None
    return queries.group_held(group_id, memberships.held(changes.added, outside=outside))


def locked(who: Caller, group_id: UUID, changes: Changes = _NOBODY) -> tuple[GroupRow, Group]:
    """Return one group of the directory in both forms, held for the transaction as `held` says. ScimError as above."""
    both = (who.held or {}).get(group_id) or queries.locked_group(who, held(group_id, changes))
    if both is None:
        raise ScimError(Code.NOT_FOUND, what="group")
    if who.held is not None:
        who.held[group_id] = both
    return both


def change(
    who: Caller,
    row: GroupRow,
    group: Group,
    attributes: Mapping[str, str | None],
    changes: Changes,
    notices: Notices,
) -> Delta:
    """Bring a group, which is locked, to what is wanted; return who came and went. Members that we don't know yet join when they arrive."""
    if changes.emptied:
        _check_emptying(who, row)
    everybody: Iterable[str] | None = changes.added if changes.replaced else None
    before = timezone.now()
    _, delta = group_changes.apply(
        group,
        actor=who.actor,
        display_name=attributes["displayName"],
        external_id=attributes["externalId"],
        add=() if changes.replaced else changes.added,
        remove=changes.removed,
        replace=everybody,
    )
    left(who, row, delta.removed, [(row.id, child) for child in delta.unnested], before)
    note_pending(delta.pending, notices)
    if who.held is not None:
        who.held[row.id] = _changed(row, group), group
    return delta


def _changed(row: GroupRow, group: Group) -> GroupRow:
    """Return the group as it is now, but for its members."""
    return row._replace(
        display_name=group.display_name, external_id=group.external_id, version=group.version, changed_at=group.changed_at,
    )  # fmt: skip


def note_pending(values: Iterable[str], notices: Notices) -> None:
    """Tell who is waited for."""
    for value in values:
        notices.add("member_pending", "members", value)


def left(who: Caller, row: GroupRow, removed: list[UUID], places: Iterable[Place], before: datetime) -> None:
    """Have the burst guard note who was taken out of a group, by name or since a group was taken out of another."""
    burst_guard.note(who.directory, removed, Departure.Kind.LEAVE, actor=who.actor, group_id=row.id)
    for parent, child in places:
        lost = nesting.people_in(who.organization.pk, child, before)
        lost -= nesting.people_in(who.organization.pk, parent)
        if parent == row.id:
            lost.difference_update(removed)
        burst_guard.note(
            who.directory, lost, Departure.Kind.UNNEST, actor=who.actor, group_id=parent, through_id=child
        )


def _check_emptying(who: Caller, row: GroupRow) -> None:
    if who.directory.settings.get(EMPTYING_SETTING) is True:
        return
    count = Membership.objects.filter(
        organization=who.organization, group_id=row.id, ended_at__isnull=True
    ).count()
    if count > EMPTIED_MEMBERS_MAX:
        raise ScimError(Code.EMPTIES_GROUP, count=count)


def members_before(who: Caller, group_id: UUID) -> Later:
    """Have a locked group read, before it is changed, with what `after` needs of its members; it travels with the next statement."""
    return who.read_later(queries.group_asked(group_id, members="few"))


def after(who: Caller, before: Later, group: Group, delta: Delta) -> GroupRow | None:
    """Return the group with its members as it is after a change; None where they are more than FEW_MEMBERS."""
    if before.rows is None:
        tenancy.connection.flush()
    row = read_group((before.rows or [])[0])
    were = row.members or []
    if delta.nested or delta.unnested or (delta.removed and len(were) > FEW_MEMBERS):
        row = found(who, group.pk, members="few")
    else:
        members = {*were, *map(str, delta.added)}.difference(map(str, delta.removed))
        row = _changed(row, group)._replace(members=sorted(members) or None)
    return None if len(row.members or ()) > FEW_MEMBERS else row
