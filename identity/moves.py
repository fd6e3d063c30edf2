"""People moved from one directory of the organization to another: from then on that one has them (docs/decisions/moves.md).

Nobody goes out or comes in by it: state, access and sessions stay. The former directory's word about them counts no more, neither what
it tells nor that it no longer lists them. The new one meets them by the external id that they are given, else as it meets anybody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, record_all
from identity import directories, group_batches, group_moves, links, tenancy
from identity.group_batches import Move
from identity.handing_out import Holder
from identity.member_row import subject_of
from identity.models import Directory, Membership, Organization, Pull
from identity.move_plan import Groups, Mover, Moves, Wanted, check, make

# The former link remains as a tombstone that remembers the move, so that its directory cannot bring the same person in anew. Moved back,
# it is the same link again, under the same id.
_RELINK: Final = """
WITH row AS (
  SELECT * FROM unnest(%(members)s::uuid[], %(external_ids)s::text[]) AS row (member_id, external_id)
), away AS (
  UPDATE identity_link link SET tombstoned_at = %(now)s, moved_at = %(now)s FROM row
   WHERE link.organization_id = %(organization)s AND link.directory_id = %(source)s AND link.member_id = row.member_id
     AND link.tombstoned_at IS NULL
), changed AS (
  -- Whoever is working on them at this moment has seen another version, and leaves them alone.
  UPDATE identity_member SET version = version + 1, changed_at = %(now)s
   WHERE organization_id = %(organization)s AND id = ANY (%(members)s::uuid[])
)
INSERT INTO identity_link AS link (id, organization_id, directory_id, member_id, external_id, source_version, linked_at, moved_at)
SELECT gen_random_uuid(), %(organization)s, %(target)s, member_id, external_id, '', %(now)s, %(now)s FROM row
ON CONFLICT (organization_id, directory_id, member_id) DO UPDATE
   SET external_id = COALESCE(
         excluded.external_id, CASE WHEN link.tombstoned_at IS NULL OR link.moved_at IS NOT NULL THEN link.external_id END),
       linked_at = excluded.linked_at, tombstoned_at = NULL,
       moved_at = CASE WHEN link.tombstoned_at IS NULL THEN link.moved_at ELSE excluded.moved_at END
"""


@dataclass(frozen=True, slots=True)
class Awaited:
    """Somebody who was moved to a directory that has not told of them since."""

    link_id: UUID
    member_id: UUID
    user_name: str
    external_id: str | None
    since: datetime


# Within one directory: it numbers its people anew, and meets them as if they had been moved to it.
_MEET_ANEW: Final = """
WITH row AS (
  SELECT * FROM unnest(%(members)s::uuid[], %(external_ids)s::text[]) AS row (member_id, external_id)
), changed AS (
  UPDATE identity_member SET version = version + 1, changed_at = %(now)s
   WHERE organization_id = %(organization)s AND id = ANY (%(members)s::uuid[])
)
UPDATE identity_link link SET external_id = row.external_id, linked_at = %(now)s, moved_at = %(now)s FROM row
 WHERE link.organization_id = %(organization)s AND link.directory_id = %(source)s AND link.member_id = row.member_id
   AND link.tombstoned_at IS NULL
"""
_listeners: list[Callable[[Directory, Sequence[UUID]], None]] = []


def on_move(listener: Callable[[Directory, Sequence[UUID]], None]) -> None:
    """Have `listener` forget what a floor above keeps of the former directory's people: called with both, in the transaction."""
    if listener not in _listeners:
        _listeners.append(listener)


def preview(source: Directory, target: Directory, wanted: Wanted, *, holder: Holder | None = None) -> Moves:
    """Return what moving them would come to; nothing is changed. Raises Invalid, TooMany."""
    check(source, target, wanted)
    with tenancy.of(source.organization_id):
        return make(source, target, wanted, holder, lock=False)


def move(
    source: Directory, target: Directory, wanted: Wanted, *, actor: Actor, holder: Holder | None = None
) -> Moves:
    """Move everybody who can be moved, in one transaction, and say of the others why not. To their own directory: it meets them anew.

    `holder` is the person who acts: whoever may do more than they is not theirs to hand to another directory. Raises Invalid, TooMany,
    and ExternalIdTaken where somebody got such an id at this moment: then nobody is moved.
    """
    check(source, target, wanted)
    with tenancy.change(source.organization_id):
        found = make(source, target, wanted, holder, lock=True)
        if wanted.groups == Groups.LEAVE:
            _leave_groups(source, found.people, actor)
        if found.people:
            _relink(source, target, found.people, actor)
        if found.groups:
            group_moves.carry(source, target, found.groups, actor=actor)
        if found.people or found.groups:
            counts = {"people": len(found.people), "groups": len(found.groups)}
            record_all(
                Line(
                    Event.DIRECTORY_MOVE, source.organization_id, actor, directories.subject_of(one),
                    data={"from": str(source.pk), "to": str(target.pk), "names": [source.name, target.name], **counts},
                )
                for one in {source.pk: source, target.pk: target}.values()
            )  # fmt: skip
    return found


def has_come(directory: Directory, since: datetime) -> bool:
    """Tell whether somebody was moved to the directory since then whom it has not told of; the tenancy must be set."""
    return links.of_directory(directory).filter(moved_at__gte=since).exists()


def awaited(directory: Directory, *, after: UUID | None = None, limit: int = 100) -> list[Awaited]:
    """Return whom the directory was given and has not told of since: only an administrator lets them go."""
    with tenancy.of(directory.organization_id):
        rows = links.of_directory(directory).filter(moved_at__isnull=False).select_related("member")
        if after is not None:
            rows = rows.filter(pk__gt=after)
        return [
            Awaited(
                row.pk, row.member_id, row.member.user_name, row.external_id, row.moved_at or row.linked_at
            )
            for row in rows.order_by("pk")[:limit]
        ]


def _relink(source: Directory, target: Directory, people: Sequence[Mover], actor: Actor) -> None:
    ids = [mover.member.pk for mover in people]
    values: dict[str, Any] = {
        "organization": source.organization_id, "source": source.pk, "target": target.pk, "now": timezone.now(), "members": ids,
        "external_ids": [mover.external_id for mover in people],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_MEET_ANEW if source.pk == target.pk else _RELINK, values)
    for listener in _listeners:
        listener(source, ids)
    # Where changes are read alone, these people would be none.
    Pull.objects.filter(organization=source.organization_id, directory=target).update(cookie=None)
    record_all(
        Line(
            Event.MEMBER_MOVE, source.organization_id, actor, subject_of(mover.member),
            changes={"directory": [source.name, target.name], "external_id": [mover.former_id, mover.external_id]},
            data={"from": str(source.pk), "to": str(target.pk)},
        )
        for mover in people
    )  # fmt: skip


def _leave_groups(source: Directory, people: Sequence[Mover], actor: Actor) -> None:
    rows = Membership.objects.filter(
        organization=source.organization_id, group__directory=source, ended_at__isnull=True,
        member__in=[mover.member.pk for mover in people],
    )  # fmt: skip
    leaving = [
        Move(group, member, joins=False) for group, member in rows.values_list("group_id", "member_id")
    ]
    if leaving:
        organization = Organization.objects.get(pk=source.organization_id)
        group_batches.move(organization, leaving, actor=actor)
