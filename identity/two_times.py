"""Statements in two forms: about things as they are, by the indexes of what is open, and as they were at a time."""

import re
from datetime import datetime
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)
_WITHIN = "{0}.started_at <= %(at)s AND ({0}.ended_at IS NULL OR {0}.ended_at > %(at)s)"
_PERIOD = (
    "EXISTS (SELECT FROM identity_activeperiod period WHERE period.organization_id = %(organization)s"
    f" AND period.member_id = {{0}}.id AND {_WITHIN.format('period')})"
)
# What stands in the statements for a condition on an alias: as of now, and at a time.
_WORDS = {
    "OPEN": ("{0}.ended_at IS NULL", _WITHIN),
    "HERE": (
        "{0}.retired_at IS NULL",
        "{0}.created_at <= %(at)s AND ({0}.retired_at IS NULL OR {0}.retired_at > %(at)s)",
    ),
    "ACTIVE": ("{0}.state = 'active'", _PERIOD),
    "WHY_OUT": (
        "CASE WHEN {0}.state <> 'active' THEN {0}.state WHEN organization.state <> 'active' THEN 'organization_suspended' END",
        f"CASE WHEN NOT {_PERIOD} THEN 'inactive' END",
    ),
}

# No circle can be made, and nothing be so deep (identity.nesting): the bound is there so that no statement depends on that.
DEPTH_MAX = 16
# The groups that one member is in.
_WITHIN_GROUPS = """way AS (
  SELECT membership.group_id, membership.started_at, 0 AS steps FROM identity_membership membership
   WHERE membership.organization_id = %(organization)s AND membership.member_id = %(member)s AND OPEN(membership)
  UNION ALL
  SELECT nesting.parent_id, GREATEST(way.started_at, nesting.started_at), way.steps + 1
    FROM way JOIN identity_nesting nesting ON nesting.organization_id = %(organization)s AND nesting.child_id = way.group_id
         AND OPEN(nesting)
   WHERE way.steps < DEPTH_MAX
), within AS (
  SELECT group_id, min(started_at) AS started_at FROM way GROUP BY group_id
)"""


def forms(statement: str) -> tuple[str, str]:
    """Return the statement about now and the one about %(at)s."""
    statement = statement.replace("WITHIN_GROUPS", _WITHIN_GROUPS).replace("DEPTH_MAX", str(DEPTH_MAX))
    words = re.compile(rf"({'|'.join(_WORDS)})\((\w+)\)")
    now, then = (
        words.sub(lambda found, form=form: _WORDS[found[1]][form].format(found[2]), statement)  # type: ignore[misc]
        for form in (0, 1)
    )
    return now, then


def at_time(rows: QuerySet[Row], at: datetime) -> QuerySet[Row]:
    """Return those of the rows (with `started_at` and `ended_at`) that were open at the time."""
    return rows.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=at), started_at__lte=at)
