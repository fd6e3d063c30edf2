"""Verbs on groups. Membership changes are deltas on rows under the group's lock: no list is ever loaded and saved back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import memberships, nesting, tenancy
from identity.errors import Conflict, Invalid, NotFound
from identity.memberships import subject_of
from identity.models import Directory, Group, Link, Member, Membership, Organization, PendingMembership
from identity.profile import check_length, differences, key_of

_Unset = Literal["unset"]
UNSET: _Unset = "unset"


@dataclass(frozen=True, slots=True)
class Delta:
    """What a membership change came to: member ids added and removed, and values named that we don't know (now pending).

    `nested` and `unnested` are the groups that were put in and taken out.
    """

    added: list[UUID]
    removed: list[UUID]
    pending: list[str]
    nested: list[UUID]
    unnested: list[UUID]


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

    Groups that waited for this one to arrive take it in. Raises Invalid, NameTaken, ExternalIdTaken, TooMany.
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
        record(
            Event.GROUP_CREATE,
            organization_id=organization.pk,
            actor=actor,
            subject=subject_of(group),
            changes={"display_name": [None, name], "external_id": [None, external_id]},
        )
        memberships.add(group, list(members), actor)
        if directory is not None and external_id:
            join_pending(group, directory, [external_id], actor=actor)
    return group


def change(
    group: Group,
    *,
    actor: Actor,
    display_name: str | None = None,
    external_id: str | _Unset | None = UNSET,
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
    with tenancy.change(group.organization_id):
        locked = lock(group)
        if expected_version is not None and locked.version != expected_version:
            message = f"The group is of version {locked.version} by now: read it again."
            raise Conflict(message)
        changes = _assign(locked, display_name, external_id, profile)
        removed: list[UUID] = []
        added: list[UUID] = []
        pending: list[str] = []
        nested: list[UUID] = []
        unnested: list[UUID] = []
        if replace is not None:
            wanted = list(replace)
            keep, strange = memberships.ids(wanted)
            keep += memberships.by_external_id(locked, strange).values()
            removed = memberships.remove(locked, [], actor, everybody=True, keep=keep)
            unnested = nesting.remove(locked, (), actor=actor, everything=True, keep=keep)
            memberships.keep_pending(locked, wanted)
            added, pending, nested = memberships.add(locked, wanted, actor)
        gone = list(remove)
        if gone:
            leaving, strange = memberships.ids(gone)
            out = memberships.remove(locked, leaving, actor)
            # Whoever left as a person is no group: mostly nothing is left to be looked for.
            others = set(leaving).difference(out)
            named = memberships.by_external_id(locked, [*strange, *map(str, others)])
            out += memberships.remove(locked, list(named.values()), actor) if named else []
            removed += out
            others.update(named.values())
            unnested += nesting.remove(locked, others, actor=actor) if others else []
            memberships.forget_pending(locked, gone)
        more = list(add)
        if more:
            more_added, more_pending, more_nested = memberships.add(locked, more, actor)
            added, pending, nested = added + more_added, pending + more_pending, nested + more_nested
        if changes or added or removed or nested or unnested:
            locked.version += 1
            locked.changed_at = timezone.now()
            locked.save(
                update_fields=[
                    "display_name",
                    "display_name_key",
                    "external_id",
                    "profile",
                    "version",
                    "changed_at",
                ]
            )
            record(
                Event.GROUP_CHANGE,
                organization_id=locked.organization_id,
                actor=actor,
                subject=subject_of(locked),
                changes=changes,
                data={
                    "added": len(added),
                    "removed": len(removed),
                    **({"nested": len(nested), "unnested": len(unnested)} if nested or unnested else {}),
                },
            )
    return locked, Delta(added, removed, pending, nested, unnested)


def delete(group: Group, *, actor: Actor) -> Ended:
    """End the group, every membership in it and its place in other groups; return whose memberships, and which places."""
    with tenancy.change(group.organization_id):
        locked = lock(group)
        places = nesting.dissolve(locked, actor=actor)
        removed = memberships.remove(locked, [], actor, everybody=True)
        memberships.keep_pending(locked, ())
        locked.ended_at = timezone.now()
        locked.version += 1
        locked.save(update_fields=["ended_at", "version"])
        record(
            Event.GROUP_DELETE,
            organization_id=locked.organization_id,
            actor=actor,
            subject=subject_of(locked),
        )
    return Ended(removed, places)


def restore(group: Group, *, actor: Actor) -> Group:
    """Bring a deleted group back, empty; one that is there stays as it is. Raises NameTaken, ExternalIdTaken where it was made anew."""
    with tenancy.change(group.organization_id):
        locked = Group.objects.select_for_update().get(pk=group.pk)
        if locked.ended_at is None:
            return locked
        before, locked.ended_at = locked.ended_at, None
        locked.changed_at = timezone.now()
        locked.version += 1
        locked.save(update_fields=["ended_at", "changed_at", "version"])
        record(
            Event.GROUP_CHANGE,
            organization_id=locked.organization_id,
            actor=actor,
            subject=subject_of(locked),
            changes={"ended_at": [before, None]},
        )
    return locked


def join_pending(
    newcomer: Member | Group, directory: Directory, values: Iterable[str], *, actor: Actor
) -> None:
    """Let the member or group into the groups for which the directory named it before it arrived (by id or external id)."""
    named = [value for value in values if value]
    with tenancy.change(newcomer.organization_id):
        waiting = PendingMembership.objects.filter(
            organization=newcomer.organization_id, directory=directory, value__in=named
        )
        group_ids = sorted(set(waiting.values_list("group_id", flat=True)))
        if group_ids and isinstance(newcomer, Group):
            # Before the groups' own rows, since somebody may hold one of them and wait for this.
            nesting.hold(newcomer.organization_id)
        waiting.delete()
        for group_id in group_ids:
            group = Group.objects.filter(pk=group_id, ended_at__isnull=True).first()
            if group is not None:
                change(group, actor=actor, add=[str(newcomer.pk)])


def awaited(group: Group) -> list[str]:
    """Return by which names the group waits for members that have not arrived."""
    waiting = PendingMembership.objects.filter(organization=group.organization_id, group=group)
    return list(waiting.order_by("id").values_list("value", flat=True))


def lock(group: Group) -> Group:
    """Lock the group's row for the transaction and return it. Raises NotFound for one deleted meanwhile."""
    # Not against references to the row: a group that is being changed can be put into another one meanwhile.
    rows = Group.objects.select_for_update(no_key=True)
    locked = rows.filter(pk=group.pk, ended_at__isnull=True).first()
    if locked is None:
        message = "There is no such group."
        raise NotFound(message)
    return locked


def checked_name(display_name: object) -> str:
    """Return the name as it is kept. Raises Invalid."""
    if not isinstance(display_name, str) or not display_name.strip():
        message = "A group needs a name."
        raise Invalid(message, field="display_name")
    check_length(display_name, "display_name", "A group's name")
    return display_name.strip()


def check_external_id(external_id: str | None) -> None:
    """Refuse an external id that cannot be looked up by. Raises Invalid."""
    if external_id is not None:
        check_length(external_id, "external_id", "An external id")


def _assign(
    group: Group, display_name: str | None, external_id: str | None, profile: Mapping[str, Any] | None
) -> dict[str, list[Any]]:
    changes: dict[str, list[Any]] = {}
    if display_name is not None:
        name = checked_name(display_name)
        if name != group.display_name:
            changes["display_name"] = [group.display_name, name]
            group.display_name, group.display_name_key = name, key_of(name)
    if external_id not in {UNSET, group.external_id}:
        check_external_id(external_id)
        changes["external_id"] = [group.external_id, external_id]
        group.external_id = external_id
    if profile is not None:
        changes |= differences(group.profile, profile)
        group.profile = dict(profile)
    return changes


def members_of(group: Group) -> Iterable[tuple[UUID, str]]:
    """Return (id, display name) of the members in the group, dormant ones among them, by id."""
    return (
        Membership.objects.filter(organization=group.organization_id, group=group, ended_at__isnull=True)
        .order_by("member_id")
        .values_list("member_id", "member__display_name")
    )


def external_ids_of(member: Member, directory: Directory) -> list[str]:
    """Return the names by which the directory may have named this member: our id and its own."""
    link = Link.objects.filter(
        organization=member.organization_id, directory=directory, member=member
    ).first()
    return [str(member.pk), *([link.external_id] if link and link.external_id else [])]
