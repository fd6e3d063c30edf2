"""The batch forms of the verbs on groups: for directory sync, where a thousand groups arrive, and a hundred thousand people join them.

One call is one transaction with a few statements, and the entries that the single verbs leave (identity.groups, identity.memberships). A
refusal is of the whole batch: nothing of it is left.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, record_all
from identity import arrivals, group_changes, groups, memberships, tenancy
from identity.errors import NotFound
from identity.memberships import subject_of
from identity.models import Directory, Group, Organization, PendingMembership
from identity.postgresql.flush import Statement
from identity.profile import key_of
from identity.tenancy import connection

# So many move by one statement: their entries are worked out while PostgreSQL is at the next so many.
_PART: Final = 500
# Who of the named are members that the groups may hold (identity.memberships has the same for one group), and who of those is new.
_ADD = """
WITH named AS (
  SELECT DISTINCT group_id, member_id FROM unnest(%(groups)s::uuid[], %(members)s::uuid[]) AS row (group_id, member_id)
), known AS (
  SELECT named.group_id, member.id AS member_id, member.user_name FROM named
    JOIN identity_group grp ON grp.organization_id = %(organization)s AND grp.id = named.group_id
    JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = named.member_id
         AND member.state <> 'offboarded'
    -- By the index, one by one: the planner would rather read every link of the organization for each batch.
    LEFT JOIN LATERAL (
      SELECT true AS known FROM identity_link link WHERE link.organization_id = %(organization)s AND link.member_id = member.id
         AND link.directory_id = grp.directory_id AND link.tombstoned_at IS NULL
       LIMIT 1) AS link ON true
   WHERE grp.directory_id IS NULL OR link.known
), added AS (
  INSERT INTO identity_membership (id, organization_id, group_id, member_id, started_at)
  SELECT gen_random_uuid(), %(organization)s, group_id, member_id, %(now)s FROM known
  ON CONFLICT (organization_id, group_id, member_id) WHERE ended_at IS NULL DO NOTHING
  RETURNING group_id, member_id
)
SELECT known.group_id, known.member_id, known.user_name FROM added JOIN known USING (group_id, member_id)
"""
_REMOVE = """
WITH ended AS (
  UPDATE identity_membership kept SET ended_at = %(now)s
    FROM unnest(%(groups)s::uuid[], %(members)s::uuid[]) AS row (group_id, member_id)
   WHERE kept.organization_id = %(organization)s AND kept.group_id = row.group_id AND kept.member_id = row.member_id
     AND kept.ended_at IS NULL
  RETURNING kept.group_id, kept.member_id
)
SELECT ended.group_id, ended.member_id, member.user_name FROM ended
  JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = ended.member_id
"""
_GROW = """
UPDATE identity_group SET version = version + 1, changed_at = %(now)s WHERE organization_id = %(organization)s AND id = ANY (%(groups)s)
"""


@dataclass(frozen=True, slots=True)
class Formed:
    """A group to be created, empty."""

    display_name: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Move:
    """Somebody who is to be in a group, or not in it any more."""

    group_id: UUID
    member_id: UUID
    joins: bool


class _Moved(NamedTuple):
    group_id: UUID
    member_id: UUID
    user_name: str


def create(
    organization: Organization, formed: Sequence[Formed], *, actor: Actor, directory: Directory
) -> list[Group]:
    """Create empty groups of the directory; groups that waited for one of them to arrive take it in.

    Raises Invalid, NameTaken, ExternalIdTaken, and what a nesting is refused for: then none is created.
    """
    now = timezone.now()
    made: list[Group] = []
    for each in formed:
        name = group_changes.checked_name(each.display_name)
        group_changes.check_external_id(each.external_id)
        made.append(
            Group(
                organization=organization, directory=directory, display_name=name, display_name_key=key_of(name),
                external_id=each.external_id, created_at=now, changed_at=now,
            )
        )  # fmt: skip
    with tenancy.change(organization):
        arrivals.count_tables(len(made))
        Group.objects.bulk_create(made)
        record_all(
            Line(
                Event.GROUP_CREATE, organization.pk, actor, subject_of(group),
                {"display_name": [None, group.display_name], "external_id": [None, group.external_id]},
            )
            for group in made
        )  # fmt: skip
        arrived = {group.external_id or "": group for group in made}
        awaited = PendingMembership.objects.filter(
            organization=organization, directory=directory, value__in=list(arrived)
        )
        if arrived:
            groups.hold_awaiting(organization.pk, directory.pk, list(arrived))
        for value in sorted(set(awaited.values_list("value", flat=True))):
            groups.join_pending(arrived[value], directory, [value], actor=actor)
    return made


def rename(organization: Organization, named: Mapping[UUID, str], *, actor: Actor) -> None:
    """Give groups their new names; they may exchange them. Raises Invalid, NameTaken, NotFound: then none is renamed."""
    taken = {key_of(name) for name in named.values()}
    with tenancy.change(organization):
        locked = _locked(organization, named)
        # PostgreSQL compares row by row: of two that exchange their names each would find the other's taken.
        for group in locked.values():
            if group.display_name_key in taken - {key_of(named[group.pk])}:
                Group.objects.filter(pk=group.pk).update(display_name_key=str(group.pk))
        for group in locked.values():
            groups.change(group, actor=actor, display_name=named[group.pk])


def move(organization: Organization, moves: Iterable[Move], *, actor: Actor) -> int:
    """Let people join and leave groups; returns how many did. The version of each group that this changes grows by one.

    Whoever is already as asked is passed over, and so is who cannot join: offboarded, gone, or not of the group's directory. Raises
    NotFound where a group is not there (any more): then nobody moves.
    """
    moves = list(moves)
    joining = [move_ for move_ in moves if move_.joins]
    leaving = [move_ for move_ in moves if not move_.joins]
    with tenancy.change(organization):
        arrivals.count_tables(len(joining))
        memberships.hold(organization.pk, None, {str(move_.member_id) for move_ in joining})
        locked = _locked(organization, {move_.group_id for move_ in moves})
        removed = _move(_REMOVE, Event.GROUP_MEMBER_REMOVE, organization, leaving, locked, actor)
        added = _move(_ADD, Event.GROUP_MEMBER_ADD, organization, joining, locked, actor)
        changed = sorted(added.keys() | removed.keys())
        if not changed:
            return 0
        values = {"organization": organization.pk, "groups": changed, "now": timezone.now()}
        connection.ahead(_GROW, values)
        record_all(
            Line(
                Event.GROUP_CHANGE, organization.pk, actor, subject_of(locked[group]),
                data={"added": added[group], "removed": removed[group]},
            )
            for group in changed
        )  # fmt: skip
    return added.total() + removed.total()


def _move(
    statement: str,
    event: Event,
    organization: Organization,
    moves: Sequence[Move],
    locked: Mapping[UUID, Group],
    actor: Actor,
) -> Counter[UUID]:
    """Move them part by part, and record one part while PostgreSQL is at the next; returns how many moved, by group."""
    counted: Counter[UUID] = Counter()
    moved: list[_Moved] = []

    def record_moved() -> None:
        record_all(
            memberships.line(event, locked[group], actor, member, name, _names(event, locked[group]))
            for group, member, name in moved
        )

    for first in range(0, len(moves), _PART):
        part = moves[first : first + _PART]
        values = {
            "organization": organization.pk, "groups": [move_.group_id for move_ in part],
            "members": [move_.member_id for move_ in part], "now": timezone.now(),
        }  # fmt: skip
        [rows] = connection.ask(Statement(statement, values), meanwhile=record_moved)
        moved = [_Moved(*row) for row in rows]
        counted.update(each.group_id for each in moved)
    record_moved()
    return counted


def _names(event: Event, group: Group) -> list[str | None]:
    """Return in which group somebody is before and after."""
    return [None, group.display_name] if event is Event.GROUP_MEMBER_ADD else [group.display_name, None]


def _locked(organization: Organization, group_ids: Iterable[UUID]) -> dict[UUID, Group]:
    """Lock the groups in the order of their ids, so that two batches never wait for each other. Raises NotFound."""
    wanted = set(group_ids)
    # Not against references to the row: a group that is being changed can be put into another one meanwhile.
    rows = Group.objects.select_for_update(no_key=True).filter(
        organization=organization, pk__in=wanted, ended_at__isnull=True
    )
    locked = {group.pk: group for group in rows.order_by("pk")}
    if len(locked) < len(wanted):
        raise NotFound("The group is not there any more.")
    return locked
