"""Who is in a group: rows that are added and ended under the group's lock, and names that wait for somebody to arrive."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.ids import uuid7s
from audit.record import Actor, Line, Subject
from identity import nesting, tenancy
from identity.models import Group

_PENDING_LENGTH_MAX = 500
# So many come in by one statement. PostgreSQL stops one of a request that takes too long, and a group may be of everybody.
_PART = 10_000

# Lists stand in a SELECT of their own: PostgreSQL then knows as little of a list it was given as of any, keeps one plan for all, and
# does not plan each statement anew, which took longer than to carry it out for the one or two people whom most requests name.

# FOR SHARE: whoever is leaving holds their own row, and we wait to see it. In one order, as everybody who locks several people. Each who is
# named is looked up by their own keys, here and below (members by id alone, which row-level security holds to the organization; OFFSET and
# LIMIT are fences): of an organization that its statistics do not know yet PostgreSQL expects nobody, and went through all its people and
# links for each of them.
HOLD = """
SELECT 1 FROM identity_member member
 WHERE member.id IN (
     SELECT unnest((SELECT %(members)s::uuid[]))
      UNION ALL
     SELECT link.member_id FROM unnest((SELECT %(values)s::text[])) AS named (external_id) CROSS JOIN LATERAL (
       SELECT member_id FROM identity_link WHERE organization_id = %(organization)s AND directory_id = %(directory)s
          AND external_id = named.external_id AND tombstoned_at IS NULL LIMIT 1) AS link)
   AND NOT EXISTS (
     SELECT 1 FROM identity_membership seat WHERE seat.organization_id = %(organization)s AND seat.group_id = %(group)s
        AND seat.member_id = member.id AND seat.ended_at IS NULL OFFSET 0)
 ORDER BY member.id FOR SHARE OF member
"""
# By the order of their ids, so that two people who leave at once never wait for each other. What was ended meanwhile is not ended again.
_HOLD_GROUPS = """
SELECT 1 FROM identity_group held
 WHERE held.organization_id = %(organization)s AND held.id IN (
     SELECT group_id FROM identity_membership
      WHERE organization_id = %(organization)s AND member_id = ANY (%(members)s) AND ended_at IS NULL)
 ORDER BY held.id FOR NO KEY UPDATE
"""
# PostgreSQL keeps the plan for one.
_HOLD_GROUPS_OF_ONE = _HOLD_GROUPS.replace("= ANY (%(members)s)", "= (SELECT %(member)s::uuid)")

# One statement: who of the named is a member that this group may hold, and who of those is new.
_ADD = """
WITH named AS (SELECT * FROM unnest((SELECT %(ids)s::uuid[]), (SELECT %(members)s::uuid[])) AS given (id, member_id)),
known AS (
  SELECT member.id, member.user_name, named.id AS membership_id FROM named JOIN identity_member member
    ON member.id = named.member_id AND member.state <> 'offboarded'
   WHERE %(directory)s::uuid IS NULL OR EXISTS (
     SELECT 1 FROM identity_link link WHERE link.organization_id = %(organization)s AND link.member_id = member.id
        AND link.directory_id = %(directory)s AND link.tombstoned_at IS NULL OFFSET 0)
),
added AS (
  INSERT INTO identity_membership (id, organization_id, group_id, member_id, started_at)
  SELECT known.membership_id, %(organization)s, %(group)s, known.id, %(now)s FROM known
  ON CONFLICT (organization_id, group_id, member_id) WHERE ended_at IS NULL DO NOTHING
  RETURNING member_id
)
SELECT known.id, known.user_name, added.member_id IS NOT NULL FROM known LEFT JOIN added ON added.member_id = known.id
"""

_REMOVE = """
WITH ended AS (
  UPDATE identity_membership seat SET ended_at = %(now)s FROM unnest((SELECT %(members)s::uuid[])) AS named (member_id)
   WHERE seat.organization_id = %(organization)s AND seat.group_id = %(group)s AND seat.member_id = named.member_id
     AND seat.ended_at IS NULL
  RETURNING seat.member_id
)
SELECT ended.member_id, member.user_name FROM ended JOIN identity_member member ON member.id = ended.member_id
"""
_REMOVE_OTHERS = """
WITH ended AS (
  UPDATE identity_membership SET ended_at = %(now)s
   WHERE organization_id = %(organization)s AND group_id = %(group)s AND ended_at IS NULL AND NOT member_id = ANY (%(members)s::uuid[])
  RETURNING member_id
)
SELECT ended.member_id, member.user_name FROM ended JOIN identity_member member ON member.id = ended.member_id
"""
# Whoever names the same people again changes nothing: they are waited for already.
_PARK = """
INSERT INTO identity_pendingmembership (id, organization_id, group_id, directory_id, value, named_at)
SELECT named.id, %(organization)s, %(group)s, %(directory)s, named.value, %(now)s
  FROM unnest(%(ids)s::uuid[], %(values)s::text[]) AS named (id, value)
ON CONFLICT (organization_id, group_id, value) DO NOTHING RETURNING value
"""
_FORGET = """
DELETE FROM identity_pendingmembership WHERE organization_id = %(organization)s AND group_id = %(group)s AND value = ANY (%(values)s)
"""
_FORGET_OTHERS = _FORGET.replace("value = ANY", "value <> ALL")

_BY_EXTERNAL_ID = """
SELECT named.external_id, member.id FROM unnest(%(values)s::text[]) AS named (external_id) CROSS JOIN LATERAL (
  SELECT member_id FROM identity_link WHERE organization_id = %(organization)s AND directory_id = %(directory)s
     AND external_id = named.external_id AND tombstoned_at IS NULL LIMIT 1) AS link
  JOIN identity_member member ON member.id = link.member_id AND member.state <> 'offboarded'
 UNION ALL
SELECT inner_group.external_id, inner_group.id FROM identity_group inner_group
 WHERE inner_group.organization_id = %(organization)s AND inner_group.directory_id = %(directory)s
   AND inner_group.external_id = ANY (%(values)s) AND inner_group.ended_at IS NULL
"""


def ids(values: Iterable[str]) -> tuple[dict[UUID, str], list[str]]:
    """Split what clients name into ids, each with how it was written, and values that cannot be one of ours.

    What looks like one of ours may still be somebody's external id: most identity providers' own are UUIDs.
    """
    found: dict[UUID, str] = {}
    strange = []
    for value in values:
        try:
            found[UUID(value)] = value
        except (ValueError, AttributeError, TypeError):
            strange.append(str(value))
    return found, strange


def hold(
    organization_id: UUID, directory_id: UUID | None, values: Iterable[str], *, outside: UUID | None = None
) -> None:
    """Lock the people who are named for a group until the transaction ends; with `outside`, only those who are not yet in that group.

    Without it, somebody who is just being offboarded could be added to the group, and stay in it for good. It must come before the group
    is locked: an offboarding locks the person first and then their groups, and in another order the two would wait for each other.
    """
    named = held(values, outside=outside)
    if named:
        tenancy.connection.ahead(HOLD, {"organization": organization_id, "directory": directory_id, **named})


def held(values: Iterable[str], *, outside: UUID | None = None) -> dict[str, Any]:
    """Return whom HOLD is to lock, as its parameters; an empty dictionary for nobody."""
    members, strange = ids(values)
    if not members and not strange:
        return {}
    # An array written by hand: psycopg takes a third of a millisecond for one of a hundred UUIDs.
    return {"members": f"{{{','.join(each.hex for each in members)}}}", "values": strange, "group": outside}


def hold_groups_of(organization_id: UUID, members: Sequence[UUID]) -> None:
    """Lock the groups of people who leave, whose own rows are locked, so that what they are in can be read and ended."""
    if len(members) == 1:
        values = {"organization": organization_id, "member": members[0]}
        tenancy.connection.ahead(_HOLD_GROUPS_OF_ONE, values)
    else:
        tenancy.connection.ahead(_HOLD_GROUPS, {"organization": organization_id, "members": list(members)})


@dataclass(frozen=True, slots=True)
class Added:
    """What came of naming somebody for a group: who is new, which values are nobody's yet, which groups are new.

    `called`: who was named by their external id. `lines` are the entries that the caller writes; those about groups are written.
    """

    members: list[UUID] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    groups: list[UUID] = field(default_factory=list)
    called: list[UUID] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def add(group: Group, values: list[str], actor: Actor) -> Added:
    """Add people and groups."""
    if not values:
        return Added()
    written, strange = ids(values)
    known_ids = list(written)
    rows: list[tuple[UUID, str, bool]] = []
    for first in range(0, len(known_ids), _PART):
        part = known_ids[first : first + _PART]
        parameters = {
            # PostgreSQL makes such ids from version 18 on.
            "ids": f"{{{','.join(each.hex for each in uuid7s(len(part)))}}}",
            "members": part,
            "organization": group.organization_id,
            "group": group.pk,
            "directory": group.directory_id,
            "now": timezone.now(),
        }
        rows += tenancy.asked(_ADD, parameters)
    lines = [
        line(Event.GROUP_MEMBER_ADD, group, actor, member_id, name, [None, group.display_name])
        for member_id, name, is_new in rows
        if is_new
    ]
    known = {row[0] for row in rows}
    others = [each for each in known_ids if each not in known]
    nested = nesting.add(group, others, actor=actor)
    unknown = [written[each] for each in others if each not in nested.known] + strange
    added, more_groups = [row[0] for row in rows if row[2]], list(nested.added)
    here = by_external_id(group, unknown)
    if here:
        unknown = [each for each in unknown if each not in here]
        people = [str(each) for each in here.values()]
        # Nobody has held those yet who are named by what looked like an id.
        hold(group.organization_id, None, people)
        more = add(group, people, actor)
        added, more_groups, lines = added + more.members, more_groups + more.groups, lines + more.lines
    if unknown and group.directory_id:
        lines.extend(_park(group, group.directory_id, unknown, actor))
    return Added(added, unknown, more_groups, list(here.values()), lines)


def by_external_id(group: Group, values: Iterable[str]) -> dict[str, UUID]:
    """Return who of the group's directory has one of the values as their external id, which is how some clients name members."""
    named = list(values)
    if not named or group.directory_id is None:
        return {}
    parameters = {"organization": group.organization_id, "directory": group.directory_id, "values": named}
    return dict(tenancy.asked(_BY_EXTERNAL_ID, parameters))


def remove(group: Group, members: Sequence[UUID], actor: Actor) -> tuple[list[UUID], list[Line]]:
    """Take people out; return who left, and the entries that the caller writes."""
    return _ended(_REMOVE, group, members, actor)


def remove_others(group: Group, keep: Sequence[UUID], actor: Actor) -> tuple[list[UUID], list[Line]]:
    """Take everybody else out."""
    return _ended(_REMOVE_OTHERS, group, keep, actor)


def _ended(sql: str, group: Group, members: Sequence[UUID], actor: Actor) -> tuple[list[UUID], list[Line]]:
    parameters = {
        "now": timezone.now(), "organization": group.organization_id, "group": group.pk, "members": list(members),
    }  # fmt: skip
    rows = tenancy.asked(sql, parameters)
    return [row[0] for row in rows], [
        line(Event.GROUP_MEMBER_REMOVE, group, actor, member_id, name, [group.display_name, None])
        for member_id, name in rows
    ]


def _park(group: Group, directory_id: UUID, values: Iterable[str], actor: Actor) -> list[Line]:
    """Wait for those who are named so; return what is to be recorded of those for whom nobody waited before."""
    named = list(dict.fromkeys(value[:_PENDING_LENGTH_MAX] for value in values))
    parameters = {
        "organization": group.organization_id, "group": group.pk, "directory": directory_id, "now": timezone.now(),
        "ids": uuid7s(len(named)), "values": named,
    }  # fmt: skip
    parked = {value for (value,) in tenancy.asked(_PARK, parameters)}
    if not parked:
        return []
    data = {"values": [value for value in named if value in parked][:100]}
    return [
        Line(Event.GROUP_MEMBER_PENDING, group.organization_id, actor, subject_of(group), data=data),
    ]


def forget_pending(group: Group, values: Iterable[str]) -> None:
    """Wait no longer for those who were named so."""
    parameters = {"organization": group.organization_id, "group": group.pk, "values": list(values)}
    tenancy.connection.ahead(_FORGET, parameters)


def keep_pending(group: Group, values: Iterable[str]) -> None:
    """Wait no longer for anybody but those who were named so."""
    parameters = {"organization": group.organization_id, "group": group.pk, "values": list(values)}
    tenancy.connection.ahead(_FORGET_OTHERS, parameters)


def subject_of(group: Group) -> Subject:
    """Return the group as the record names it."""
    return Subject("group", str(group.pk), group.display_name)


def line(
    event: Event, group: Group, actor: Actor, member_id: UUID, user_name: str, change_: list[str | None]
) -> Line:
    """Return the entry about one person in a group; `change_` is the group's name before and after, None for not in it."""
    return Line(
        event,
        group.organization_id,
        actor,
        Subject("member", str(member_id), user_name),
        changes={"group": change_},
        data={"group": str(group.pk)},
    )
