"""Who has what, as one file: every grant of everybody who is in, their own and those that groups bring."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from django.db import connection

from audit.files import csv_file
from identity import tenancy
from identity.models import Organization
from identity.two_times import DEPTH_MAX

COLUMNS: Final = ("user_name", "display_name", "state", "kind", "id", "name", "permission", "origin", "since", "group")  # fmt: skip
_PEOPLE_A_PAGE: Final = 500
# Everybody who is given something is among the people: a full join finds no more than a left one, and is the one that PostgreSQL cannot do
# by finding out for each of them anew what all of them are given, as it did where it expected one of them (docs/decisions/newcomers.md).
# OFFSET is a fence: what somebody is given is looked up by their own key.
_PAGE: Final = """
WITH RECURSIVE people AS (
  SELECT id, user_name, display_name, state FROM identity_member
   WHERE organization_id = %(organization)s AND state <> 'offboarded' AND id > %(after)s ORDER BY id LIMIT %(limit)s
), way AS (
  SELECT membership.member_id, membership.group_id, membership.started_at, 0 AS steps
    FROM identity_membership membership
    JOIN people ON people.id = membership.member_id
   WHERE membership.organization_id = %(organization)s AND membership.ended_at IS NULL
  UNION ALL
  SELECT way.member_id, nesting.parent_id, GREATEST(way.started_at, nesting.started_at), way.steps + 1
    FROM way JOIN identity_nesting nesting ON nesting.organization_id = %(organization)s AND nesting.child_id = way.group_id
         AND nesting.ended_at IS NULL
   WHERE way.steps < %(depth)s
), within AS (
  SELECT member_id, group_id, min(started_at) AS started_at FROM way GROUP BY member_id, group_id
), given AS (
  SELECT given.member_id, given.resource_id, given.permission, given.origin, given.started_at, '' AS through
    FROM people CROSS JOIN LATERAL (
      SELECT * FROM identity_grant
       WHERE organization_id = %(organization)s AND member_id = people.id AND ended_at IS NULL OFFSET 0) AS given
  UNION ALL
  SELECT within.member_id, mapped.resource_id, mapped.permission, 'group', GREATEST(mapped.started_at, within.started_at),
         grouping.display_name
    FROM within
    JOIN identity_groupgrant mapped ON mapped.organization_id = %(organization)s AND mapped.group_id = within.group_id
         AND mapped.ended_at IS NULL
    JOIN identity_group grouping ON grouping.organization_id = %(organization)s AND grouping.id = within.group_id
)
SELECT people.id, people.user_name, people.display_name, people.state, kind.name, resource.key, resource.name, given.permission,
       given.origin, given.started_at, given.through
  FROM people
  FULL JOIN given ON given.member_id = people.id
  LEFT JOIN identity_resource resource ON resource.organization_id = %(organization)s AND resource.id = given.resource_id
  LEFT JOIN identity_kind kind ON kind.organization_id = %(organization)s AND kind.id = resource.kind_id
 ORDER BY people.id, kind.name, resource.key, given.permission, given.through
"""


def csv_pieces(organization: Organization) -> Iterator[str]:
    """Return the overview as CSV (RFC 4180), page by page: somebody without any grant has one line with empty cells.

    A suspended person's access is dormant; what grants bring below their resource is not listed. No cell begins a formula.
    """
    return csv_file(COLUMNS, _rows(organization))


def _rows(organization: Organization) -> Iterator[tuple[str, ...]]:
    after = UUID(int=0)
    while True:
        values: dict[str, UUID | int] = {
            "organization": organization.pk,
            "after": after,
            "limit": _PEOPLE_A_PAGE,
            "depth": DEPTH_MAX,
        }
        with tenancy.of(organization), connection.cursor() as cursor:
            cursor.execute(_PAGE, values)
            rows = cursor.fetchall()
        if not rows:
            return
        for _, user_name, display_name, state, kind, key, name, permission, origin, since, group in rows:
            told = since.isoformat() if since else ""
            cells = (user_name, display_name, state, kind, key, name, permission, origin, told, group)
            yield tuple(cell or "" for cell in cells)
        after = rows[-1][0]
