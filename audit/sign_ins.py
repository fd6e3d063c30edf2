"""How many signed in on each day, and how many were refused: of a long record that is counted once, as its stretches are measured."""

from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from audit import stretch

_COUNTED: Final = """
SELECT NOT EXISTS (SELECT FROM audit_span WHERE organization_id = %(organization)s AND until >= %(since)s AND sign_ins IS NULL)
"""
_NUMBERS: Final = (
    "count(*) FILTER (WHERE entry.event = 'sign_in.succeed') AS succeeded,"
    " count(*) FILTER (WHERE entry.event = 'sign_in.refuse') AS refused"
)
_ONES: Final = "entry.event IN ('sign_in.succeed', 'sign_in.refuse') AND entry.happened_at >= %(since)s"
_DAY: Final = "(entry.happened_at AT TIME ZONE 'UTC')::date AS day"
_BY_ENTRIES: Final = f"""
SELECT {_DAY}, {_NUMBERS} FROM audit_entry entry WHERE entry.organization_id = %(organization)s AND {_ONES} GROUP BY day
"""  # noqa: S608 - built from constants alone
# What no stretch has is read by its places, one by one: by the time, which the planner may take for as good, it would be everything.
_BY_STRETCHES: Final = f"""
WITH counted AS (
  SELECT number.key::date AS day, (number.value ->> 0)::bigint AS succeeded, (number.value ->> 1)::bigint AS refused
    FROM audit_span span CROSS JOIN LATERAL jsonb_each(span.sign_ins) AS number
   WHERE span.organization_id = %(organization)s AND span.until >= %(since)s
  UNION ALL
  SELECT {_DAY}, {_NUMBERS}
    FROM audit_position position CROSS JOIN LATERAL (SELECT * FROM audit_entry WHERE id = position.entry_id OFFSET 0) entry
   WHERE position.organization_id = %(organization)s AND {_ONES}
     AND position.seq > (SELECT COALESCE(max(last), 0) FROM audit_span WHERE organization_id = %(organization)s)
   GROUP BY day
)
SELECT day, sum(succeeded)::bigint, sum(refused)::bigint FROM counted WHERE day >= %(first)s GROUP BY day
"""  # noqa: S608 - built from constants alone


def by_day(organization_id: UUID, first: date) -> dict[date, tuple[int, int]]:
    """Return how many sign-ins succeeded and how many were refused on each day (UTC) with any, from `first` on. The tenancy must be set.

    Few entries are counted as they are, and so are those of stretches that were measured before anybody counted in them.
    """
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    values: dict[str, Any] = {"organization": organization_id, "since": since, "first": first}
    is_few = stretch.is_few(values, [stretch.SINCE])
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, values)
        (is_counted,) = cursor.fetchone()
        cursor.execute(_BY_STRETCHES if is_counted and not is_few else _BY_ENTRIES, values)
        return {day: (succeeded, refused) for day, succeeded, refused in cursor.fetchall()}
