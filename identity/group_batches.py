"""The batch forms of the verbs on groups: for directory sync, where a thousand groups arrive, and a hundred thousand people join them.

One call is one transaction with a few statements, and the entries that the single verbs leave (identity.groups, identity.memberships). A
refusal is of the whole batch: nothing of it is left.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, record_all
from identity import arrivals, group_changes, groups, memberships, tenancy
from identity.errors import NotFound
from identity.memberships import subject_of
from identity.models import Directory, Group, Organization, PendingMembership
from identity.profile import key_of

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
        for value in sorted(set(awaited.values_list("value", flat=True))):
            groups.join_pending(arrived[value], directory, [value], actor=actor)
    return made


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
        left = _rows(_REMOVE, organization, leaving)
        joined = _rows(_ADD, organization, joining)
        if not left and not joined:
            return 0
        lines = [
            memberships.line(
                Event.GROUP_MEMBER_REMOVE,
                locked[group],
                actor,
                member,
                name,
                [locked[group].display_name, None],
            )
            for group, member, name in left
        ]
        lines += [
            memberships.line(
                Event.GROUP_MEMBER_ADD, locked[group], actor, member, name, [None, locked[group].display_name]
            )
            for group, member, name in joined
        ]
        added, removed = Counter(row[0] for row in joined), Counter(row[0] for row in left)
        changed = sorted(added.keys() | removed.keys())
        _execute(_GROW, {"organization": organization.pk, "groups": changed, "now": timezone.now()})
        lines += [
            Line(
                Event.GROUP_CHANGE, organization.pk, actor, subject_of(locked[group]),
                data={"added": added[group], "removed": removed[group]},
            )
            for group in changed
        ]  # fmt: skip
        record_all(lines)
    return len(left) + len(joined)


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


def _rows(statement: str, organization: Organization, moves: Sequence[Move]) -> list[tuple[UUID, UUID, str]]:
    if not moves:
        return []
    values = {
        "organization": organization.pk, "groups": [move_.group_id for move_ in moves],
        "members": [move_.member_id for move_ in moves], "now": timezone.now(),
    }  # fmt: skip
    return _execute(statement, values)


def _execute(statement: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []
