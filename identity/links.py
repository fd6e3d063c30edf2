"""Links: the word that a member is that person of a directory, under the directory's own id for them."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from identity import tenancy
from identity.models import Directory, Link, Member, StretchStep
from identity.profile import check_length


def count_many() -> None:
    """Have the statements to come in this transaction count whom they change at their end (migration 0038), and not one by one."""
    tenancy.connection.ahead("SELECT set_config('rollcall.many', 'on', true)")


def of_member(member: Member) -> "QuerySet[Link]":
    """Return the directories that the member is of, as links: whom one of them deleted, or who was moved away, is not of it any more."""
    return Link.objects.filter(organization=member.organization_id, member=member, tombstoned_at__isnull=True)


def of_directory(directory: Directory) -> "QuerySet[Link]":
    """Return who is of the directory, as links."""
    return Link.objects.filter(
        organization=directory.organization_id, directory=directory, tombstoned_at__isnull=True
    )


def make(member: Member, directory: Directory, external_id: str | None) -> None:
    """Say that this member is that person of the directory; the caller records it. Raises ExternalIdTaken by constraint."""
    rows = Link.objects.filter(organization=member.organization_id, directory=directory, member=member)
    known = rows.first()
    if known is not None:
        if external_id is None and known.tombstoned_at is None:
            external_id = known.external_id
        rows.update(external_id=external_id, tombstoned_at=None, moved_at=None, linked_at=timezone.now())
        return
    Link(
        organization_id=member.organization_id,
        directory=directory,
        member=member,
        external_id=external_id,
        linked_at=timezone.now(),
    ).save(force_insert=True)


def rename(member: Member, directory: Directory, external_id: str | None) -> dict[str, list[Any]]:
    """Give the member's link another external id; returns what differs as {path: [old, new]}. Raises ExternalIdTaken by constraint."""
    row = Link.objects.select_for_update().get(
        organization=member.organization_id, directory=directory, member=member
    )
    if row.external_id == external_id:
        return {}
    if external_id is not None:
        check_length(external_id, "external_id", "An external id")
    before, row.external_id = row.external_id, external_id
    row.moved_at = None
    row.save(update_fields=["external_id", "moved_at"])
    return {"external_id": [before, external_id]}


def with_steps() -> list[tuple[UUID, UUID]]:
    """Return the directories, each behind its organization, in whose lists people came or went since their stretches were counted."""
    with tenancy.everywhere("lists in which people came or went"):
        return list(StretchStep.objects.values_list("organization_id", "directory_id").distinct())


def count_stretches(organization_id: UUID, directory_id: UUID) -> int:
    """Count the stretches again in which people came or went, and return how many did; 0 where somebody else is at it."""
    sql = "SELECT identity_count_stretches(%s, %s)"
    return int(tenancy.read(organization_id, sql, [organization_id, directory_id])[0][0])
