"""Where in a long record to look: a filter goes through so many entries at a time, or along an index where it leads to fewer.

The record has an index for whom it is about and one for time; whatever else is asked is looked for entry by entry. `seq` has no gaps,
so that a stretch of it is so many entries and no more (docs/decisions/bounded-pages.md).
"""

from collections.abc import Mapping
from typing import Any, Final

from django.db import connection

# What a page looks through, however little of it is wanted.
ENTRIES: Final = 20_000
_ABOUT: Final = "entry.subject_id = ANY (%(subjects)s)"
_SINCE: Final = "entry.happened_at >= %(since)s"
_UNTIL: Final = "entry.happened_at < %(until)s"
_FEW: Final = """
SELECT count(*) <= %(most)s FROM (
  SELECT FROM audit_entry entry WHERE entry.organization_id = %(organization)s AND {conditions} LIMIT %(most)s + 1) AS few
"""
# A fence: what is few is read by its index, and only then put in order.
_LED: Final = "(SELECT * FROM audit_entry entry WHERE entry.organization_id = %(organization)s AND {conditions} OFFSET 0)"


def leading(values: Mapping[str, Any]) -> str:
    """Return what to read entries from: a part of the table that an index leads to and that is small, else the table.

    `values` may hold `subjects` (ids), `since` and `until`; None stands for absent. The tenancy must be set.
    """
    wanted = {name for name in ("subjects", "since", "until") if values.get(name) is not None}
    by_time = [text for name, text in (("since", _SINCE), ("until", _UNTIL)) if name in wanted]
    for conditions in ([_ABOUT] if "subjects" in wanted else [], by_time):
        if not conditions:
            continue
        joined = " AND ".join(conditions)
        with connection.cursor() as cursor:
            cursor.execute(_FEW.format(conditions=joined), {**values, "most": ENTRIES})
            if cursor.fetchone()[0]:
                return _LED.format(conditions=joined)
    return "audit_entry"
