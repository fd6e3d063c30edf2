"""Where in a long record to look: a filter goes through so many entries at a time, or along an index where it leads to fewer.

The record has an index for whom it is about and one for time; whatever else is asked is looked for entry by entry. `seq` has no gaps,
so that a stretch of it is so many entries and no more (docs/decisions/bounded-pages.md). Which times a stretch has is known once it is
full, so that whoever asks for a time is led past those without it.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import connection

# What a page looks through, however little of it is wanted.
ENTRIES: Final = 20_000
_ABOUT: Final = "entry.subject_id = ANY (%(subjects)s)"
SINCE: Final = "entry.happened_at >= %(since)s"
_UNTIL: Final = "entry.happened_at < %(until)s"
_FEW: Final = """
SELECT count(*) <= %(most)s FROM (
  SELECT FROM audit_entry entry WHERE entry.organization_id = %(organization)s AND {conditions} LIMIT %(most)s + 1) AS few
"""
# A fence: what is few is read by its index, and only then put in order.
_LED: Final = "(SELECT * FROM audit_entry entry WHERE entry.organization_id = %(organization)s AND {conditions} OFFSET 0)"
# Of those that are measured, which hold anything of the times asked for. They are few: 500 of ten million entries.
_OVERLAPPING: Final = """
  FROM audit_span WHERE organization_id = %(organization)s
   AND (%(since)s::timestamptz IS NULL OR until >= %(since)s) AND (%(until)s::timestamptz IS NULL OR since < %(until)s)
"""
# What measuring may take of a run, so that a long record that catches up leaves the processor to whoever changes something.
_SECONDS: Final = 1.0
_MEASURED: Final = "SELECT COALESCE(max(last), 0) FROM audit_span WHERE organization_id = %(organization)s"
_BEHIND: Final = (
    f"SELECT COALESCE((SELECT min(first) - 1 {_OVERLAPPING} AND last > %(place)s), ({_MEASURED}))"
)
_BEFORE: Final = (
    f"SELECT CASE WHEN %(place)s > 1 + ({_MEASURED}) THEN %(place)s"
    f" ELSE COALESCE((SELECT max(last) + 1 {_OVERLAPPING} AND first < %(place)s), 1) END"
)


def measure(seconds: float = _SECONDS) -> int:
    """Write from when to when full stretches go, one of each record at a time, at most for so long; answers how many it was.

    Two at once are harmless. What is left waits for the next run; until then these stretches are read whole.
    """
    until, measured = time.monotonic() + seconds, 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT audit_unmeasured(%s)", [ENTRIES])
            before_this_round = measured
            for (organization_id,) in cursor.fetchall():
                cursor.execute("SELECT audit_measure(%s, %s, 1)", [organization_id, ENTRIES])
                measured += int(cursor.fetchone()[0])
                if time.monotonic() > until:
                    return measured
            if measured == before_this_round:
                return measured


def behind(values: Mapping[str, Any], place: int) -> int:
    """Return the place behind which to go on reading, `place` or later: up to it nothing lies between `since` and `until`."""
    return max(place, _led(_BEHIND, values, place))


def before(values: Mapping[str, Any], place: int) -> int:
    """Return the place before which to go on reading backwards, `place` or earlier; 1 where nothing is left."""
    return min(place, _led(_BEFORE, values, place))


def _led(sql: str, values: Mapping[str, Any], place: int) -> int:
    if values.get("since") is None and values.get("until") is None:
        return place
    asked = {"organization": values["organization"], "place": place}
    with connection.cursor() as cursor:
        cursor.execute(sql, {**asked, "since": values.get("since"), "until": values.get("until")})
        return int(cursor.fetchone()[0])


def leading(values: Mapping[str, Any]) -> str:
    """Return what to read entries from: a part of the table that an index leads to and that is small, else the table.

    `values` may hold `subjects` (ids), `since` and `until`; None stands for absent. The tenancy must be set.
    """
    wanted = {name for name in ("subjects", "since", "until") if values.get(name) is not None}
    by_time = [text for name, text in (("since", SINCE), ("until", _UNTIL)) if name in wanted]
    for conditions in ([_ABOUT] if "subjects" in wanted else [], by_time):
        if not conditions:
            continue
        if is_few(values, conditions):
            return _LED.format(conditions=" AND ".join(conditions))
    return "audit_entry"


def is_few(values: Mapping[str, Any], conditions: Sequence[str]) -> bool:
    """Tell whether an index leads to no more entries of these conditions than a page looks through. The tenancy must be set."""
    with connection.cursor() as cursor:
        cursor.execute(_FEW.format(conditions=" AND ".join(conditions)), {**values, "most": ENTRIES})
        found: bool = cursor.fetchone()[0]
    return found
