"""Verbs on groups. Membership changes are deltas on rows under the group's lock: no list is ever loaded and saved back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, record, record_all
from identity import group_changes, memberships, nesting, rows, tenancy
from identity.errors import Conflict, NotFound
from identity.group_changes import UNSET, Delta, Unset, check_external_id, checked_name
from identity.memberships import subject_of
from identity.models import Directory, Group, Member, Membership, Organization, PendingMembership
from identity.profile import key_of

# Not against references to the row: a group that is being changed can be put into another one meanwhile.
_LOCK: Final = """SELECT to_jsonb(locked)::text FROM identity_group locked WHERE id = %s AND ended_at IS NULL FOR NO KEY UPDATE"""

# Groups that are changed together with their nesting are locked by their ids, and before the lock of nesting (identity/nesting.py): whoever
# puts one group into another has that lock last.
_HOLD: Final = """
SELECT FROM identity_group WHERE organization_id = %(organization)s AND id IN ({}) ORDER BY id FOR NO KEY UPDATE"""
_HOLD_AWAITING: Final = _HOLD.format(
    """SELECT group_id FROM identity_pendingmembership WHERE organization_id = %(organization)s AND directory_id = %(directory)s
          AND value IN (SELECT unnest(%(values)s::text[]))"""
)
_HOLD_WITH_THOSE_ABOVE: Final = _HOLD.format(
    """SELECT %(group)s::uuid UNION ALL
       SELECT parent_id FROM identity_nesting WHERE organization_id = %(organization)s AND child_id = %(group)s AND ended_at IS NULL"""
)


@dataclass(frozen=True, slots=True)
class Ended:
    """What ended with a group: whose memberships, and the places of groups in groups."""

    members: list[UUID]
    places: list[nesting.Place]


def create(
    organization: Organization,
    *,
    actor: Actor,
    display_name: str,
    directory: Directory | None = None,
    external_id: str | None = None,
    profile: Mapping[str, Any] | None = None,
    members: Iterable[str] = (),
) -> Group:
    """Create a group with its first members (ids of people and groups as text; unknown ones become pending).

    Groups that waited for this one to arrive take it in. Raises Invalid, NameTaken, ExternalIdTaken, TooMany, and GroupCycle.
    """
    now = timezone.now()
    name = checked_name(display_name)
    check_external_id(external_id)
    with tenancy.change(organization):
        group = Group(
            organization=organization, directory=directory, display_name=name, display_name_key=key_of(name),
            external_id=external_id, profile=dict(profile or {}), created_at=now, changed_at=now,
        )  # fmt: skip
        group.save(force_insert=True)
        line = Line(
            Event.GROUP_CREATE,
            organization.pk,
            actor,
            subject_of(group),
            changes={"display_name": [None, name], "external_id": [None, external_id]},
        )
        named = list(members)
        memberships.hold(organization.pk, group.directory_id, named)
        if directory is not None and external_id:
            hold_awaiting(organization.pk, directory.pk, [external_id])
        record_all([line, *memberships.add(group, named, actor).lines])
        if directory is not None and external_id:
            join_pending(group, directory, [external_id], actor=actor)
    return group


def change(
    group: Group,
    *,
    actor: Actor,
    display_name: str | None = None,
    external_id: str | Unset | None = UNSET,
    profile: Mapping[str, Any] | None = None,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    replace: Iterable[str] | None = None,
    expected_version: int | None = None,
) -> tuple[Group, Delta]:
    """Change name, external id, profile and members in one step and return the group with what changed about its members.

    `replace` names the whole membership; `add` and `remove` are deltas. Ids of people and groups are texts; those that we don't know
    are parked as pending and join when they arrive. The version grows by one if anything changed. Raises Invalid, NameTaken,
    ExternalIdTaken, Conflict, NotFound, GroupCycle, TooMany.
    """
    joining, wanted = list(add), None if replace is None else list(replace)
    with tenancy.change(group.organization_id):
        memberships.hold(group.organization_id, group.directory_id, joining)
        memberships.hold(group.organization_id, group.directory_id, wanted or (), outside=group.pk)
        locked = lock(group)
        if expected_version is not None and locked.version != expected_version:
            message = f"The group is of version {locked.version} by now: read it again."
            raise Conflict(message)
        return group_changes.apply(
            locked,
            actor=actor,
            display_name=display_name,
            external_id=external_id,
            profile=profile,
            add=joining,
            remove=remove,
            replace=wanted,
        )


def delete(group: Group, *, actor: Actor) -> Ended:
    """End the group, every membership in it and its place in other groups; return whose memberships, and which places."""
    with tenancy.change(group.organization_id):
        values = {"organization": group.organization_id, "group": group.pk}
        tenancy.connection.ahead(_HOLD_WITH_THOSE_ABOVE, values)
        locked = lock(group)
        places = nesting.dissolve(locked, actor=actor)
        removed, lines = memberships.remove_others(locked, (), actor)
        memberships.keep_pending(locked, ())
        locked.ended_at = timezone.now()
        locked.version += 1
        locked.save(update_fields=["ended_at", "version"])
        record_all([*lines, Line(Event.GROUP_DELETE, locked.organization_id, actor, subject_of(locked))])
    return Ended(removed, places)


def restore(group: Group, *, actor: Actor, display_name: str | None = None) -> Group:
    """Bring a deleted group back, empty, with what it brings, under another name if one is given; one that is there stays as it is.

    Raises Invalid, and NameTaken, ExternalIdTaken where it was made anew.
    """
    with tenancy.change(group.organization_id):
        locked = Group.objects.select_for_update().get(pk=group.pk)
        if locked.ended_at is None:
            return locked
        before, locked.ended_at = locked.ended_at, None
        name = locked.display_name if display_name is None else checked_name(display_name)
        renamed = {} if name == locked.display_name else {"display_name": [locked.display_name, name]}
        locked.display_name, locked.display_name_key = name, key_of(name)
        locked.changed_at = timezone.now()
        locked.version += 1
        locked.save(update_fields=["ended_at", "display_name", "display_name_key", "changed_at", "version"])
        record(
            Event.GROUP_CHANGE,
            organization_id=locked.organization_id,
            actor=actor,
            subject=subject_of(locked),
            changes={"ended_at": [before, None], **renamed},
        )
    return locked


def join_pending(
    newcomer: Member | Group, directory: Directory, values: Iterable[str], *, actor: Actor
) -> bool:
    """Let the member or group into the groups for which the directory named it before it arrived (by id or external id).

    Tells whether any waited.
    """
    named = [value for value in values if value]
    with tenancy.change(newcomer.organization_id):
        waiting = PendingMembership.objects.filter(
            organization=newcomer.organization_id, directory=directory, value__in=named
        )
        group_ids = sorted(set(waiting.values_list("group_id", flat=True)))
        if group_ids and isinstance(newcomer, Group):
            hold_awaiting(newcomer.organization_id, directory.pk, named)
        waiting.delete()
        for group_id in group_ids:
            group = Group.objects.filter(pk=group_id, ended_at__isnull=True).first()
            if group is not None:
                change(group, actor=actor, add=[str(newcomer.pk)])
        return bool(group_ids)


def hold_awaiting(organization_id: UUID, directory_id: UUID, values: Sequence[str]) -> None:
    """Lock the groups that wait for one of these to arrive: before any of them takes another group in."""
    named = {"organization": organization_id, "directory": directory_id, "values": list(values)}
    tenancy.connection.ahead(_HOLD_AWAITING, named)


def awaited(group: Group) -> list[str]:
    """Return by which names the group waits for members that have not arrived."""
    waiting = PendingMembership.objects.filter(organization=group.organization_id, group=group)
    return list(waiting.order_by("id").values_list("value", flat=True))


def lock(group: Group) -> Group:
    """Lock the group's row for the transaction and return it. Raises NotFound for one deleted meanwhile."""
    found = tenancy.asked(_LOCK, [group.pk])
    if not found:
        message = "There is no such group."
        raise NotFound(message)
    return rows.loaded(Group, json.loads(found[0][0]))


def members_of(group: Group) -> Iterable[tuple[UUID, str]]:
    """Return (id, display name) of the members in the group, dormant ones among them, by id."""
    return (
        Membership.objects.filter(organization=group.organization_id, group=group, ended_at__isnull=True)
        .order_by("member_id")
        .values_list("member_id", "member__display_name")
    )
