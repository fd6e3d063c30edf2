"""Finds where a directory and we differ: what it last said, beside what is here."""

from typing import Any, Final

from django.db import connection

from identity import looking
from identity.drift import Difference, Found
from identity.models import Directory

_DIFFERENCES: Final = """
WITH last AS (
  SELECT id, created_at FROM identity_run
   WHERE organization_id = %(organization)s AND directory_id = %(directory)s AND state IN ('done', 'held', 'expired', 'superseded')
   ORDER BY id DESC LIMIT 1
), apart AS (
  SELECT known.external_id, member.id AS member_id, member.user_name,
         CASE WHEN member.state = 'offboarded' THEN 'offboarded_here'
              WHEN member.state = 'suspended' AND known.shut_at IS DISTINCT FROM member.suspended_at THEN 'suspended_here'
              WHEN member.state = 'active' AND known.shut_at IS NOT NULL THEN 'active_here'
              WHEN member.state = 'active' AND known.missing_since IS NOT NULL THEN 'missing'
              WHEN member.version <> known.member_version THEN 'changed_here' END AS what,
         CASE WHEN member.state = 'offboarded' THEN member.offboarded_at
              WHEN member.state = 'suspended' AND known.shut_at IS DISTINCT FROM member.suspended_at THEN member.suspended_at
              WHEN member.state = 'active' AND known.shut_at IS NULL AND known.missing_since IS NOT NULL THEN known.missing_since
              ELSE member.changed_at END AS since
    FROM tasks_known known
    JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = known.member_id
   WHERE known.directory_id = %(directory)s AND known.external_id > %(after)s
     AND (%(end)s::text IS NULL OR known.external_id <= %(end)s)
  UNION ALL
  SELECT step.external_id, step.member_id, step.label, CASE WHEN step.state = 'held' THEN 'held' ELSE step.reason END, last.created_at
    FROM last JOIN identity_step step ON step.organization_id = %(organization)s AND step.run_id = last.id
   WHERE step.state IN ('held', 'skipped') AND step.external_id > %(after)s
     AND (%(end)s::text IS NULL OR step.external_id <= %(end)s) AND step.place <> 4 AND step.place <> 5 AND step.place <> 6
     AND step.reason <> 'offboarded'
)
SELECT DISTINCT ON (external_id) external_id, member_id, user_name, what, since FROM apart
 WHERE what IS NOT NULL ORDER BY external_id, since LIMIT %(limit)s
"""


# Whoever differs is told by no index: a page looks at so many people and no more (identity.looking).
_END: Final = """
SELECT external_id FROM tasks_known WHERE directory_id = %(directory)s AND external_id > %(after)s
 ORDER BY external_id OFFSET %(most)s - 1 LIMIT 1
"""


def find(directory: Directory, after: str, limit: int) -> Found:
    """Return the differences behind the external id `after`; the tenancy must be set."""
    values: dict[str, Any] = {
        "organization": directory.organization_id, "directory": directory.pk, "after": after, "limit": limit + 1, "most": looking.ROWS,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_END, values)
        values["end"] = next((row[0] for row in cursor.fetchall()), None)
        cursor.execute(_DIFFERENCES, values)
        found = [Difference(*row) for row in cursor.fetchall()]
    if len(found) > limit:
        return Found(found[:limit], found[limit - 1].external_id)
    return Found(found, values["end"])
