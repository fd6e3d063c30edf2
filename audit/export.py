"""Reading the record: pages by `seq`, with filters, and an entry as its pages and files show it.

The caller sets the tenancy. Each page is a statement or two of its own: a download of any length keeps one page in memory, and no
transaction open.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from audit import stretch
from audit.events import Event
from audit.json_text import instant

OUTCOMES: Final = ("success", "refused")
COLUMNS: Final = (
    "seq", "id", "happened_at", "event", "outcome", "reason", "source", "actor_kind", "actor_id", "actor_label",
    "subject_kind", "subject_id", "subject_label", "changes", "data", "request_id", "ip", "user_agent",
)  # fmt: skip

# The detail is gone where a person has been erased; the entry remains. Joined by ids alone, as in audit/chain.py.
_PAGE: Final = """
SELECT position.seq, entry.id, entry.event, entry.outcome, entry.reason, entry.source, entry.actor_kind, entry.actor_id,
       entry.subject_kind, entry.subject_id, entry.request_id, entry.happened_at, detail.body
  FROM audit_position position
  JOIN {entries} entry ON entry.id = position.entry_id
  LEFT JOIN audit_detail detail ON detail.entry_id = entry.id
 WHERE position.organization_id = %(organization)s AND position.seq > %(after)s
   AND (%(upto)s::bigint IS NULL OR position.seq <= %(upto)s)
   AND (%(since)s::timestamptz IS NULL OR entry.happened_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR entry.happened_at < %(until)s)
   AND (%(events)s::text[] IS NULL OR entry.event = ANY (%(events)s))
   AND (%(actor)s::text IS NULL OR entry.actor_id = %(actor)s)
   AND (%(subject)s::text IS NULL OR entry.subject_id = %(subject)s)
   AND (%(outcome)s::text IS NULL OR entry.outcome = %(outcome)s)
 ORDER BY position.seq LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries: from `since` to before `until`; events by name; ids of actor and subject; success or refused."""

    since: datetime | None = None
    until: datetime | None = None
    events: tuple[str, ...] = ()
    actor: str = ""
    subject: str = ""
    outcome: str = ""

    def described(self) -> dict[str, Any]:
        """Return what is filtered by, for people."""
        every = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in every.items() if value}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry with its place and its detail, which is empty once the person is erased."""

    seq: int
    id: UUID
    event: str
    outcome: str
    reason: str
    source: str
    actor_kind: str
    actor_id: str
    subject_kind: str
    subject_id: str
    request_id: str
    happened_at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Lines in the order of `seq`, and the `after` of the page that follows, None where there is no more for now.

    A filter may leave a page short, or empty, with more to come: it goes through `stretch.ENTRIES` at a time.
    """

    lines: list[Line]
    following: int | None


def events_matching(pattern: str) -> tuple[str, ...]:
    """Return the events that a name or a prefix (`member.*`) stands for; none for one that we do not know."""
    if pattern.endswith(".*"):
        return tuple(event.value for event in Event if event.value.startswith(pattern[:-1]))
    return tuple(event.value for event in Event if event.value == pattern)


def head(organization_id: UUID) -> int:
    """Return the highest `seq` that the organization's record has reached; 0 for an empty one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM audit_head WHERE organization_id = %s", [organization_id])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def holds(organization_id: UUID, seq: int, entry_id: UUID | None = None) -> bool:
    """Tell whether the record has come to this place, and if an entry is named, whether that one stands there."""
    if entry_id is None:
        return seq <= head(organization_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT entry_id FROM audit_position WHERE organization_id = %s AND seq = %s",
            [organization_id, seq],
        )
        row = cursor.fetchone()
    return row is not None and row[0] == entry_id


def page(
    organization_id: UUID, wanted: Filter, *, after: int = 0, limit: int, upto: int | None = None
) -> Page:
    """Return at most `limit` entries beyond `after` (and not beyond `upto`) in the order of `seq`."""
    values: dict[str, Any] = {
        "organization": organization_id,
        "after": after,
        "upto": upto,
        "since": wanted.since,
        "until": wanted.until,
        "events": list(wanted.events) or None,
        "actor": wanted.actor or None,
        "subject": wanted.subject or None,
        "subjects": [wanted.subject] if wanted.subject else None,
        "outcome": wanted.outcome or None,
        "limit": limit + 1,
    }
    entries, last = "audit_entry", None
    if wanted != Filter():
        entries = stretch.leading(values)
        if entries == "audit_entry":
            last = head(organization_id) if upto is None else upto
            values["after"] = stretch.behind(values, after)
            values["upto"] = min(values["after"] + stretch.ENTRIES, last)
    with connection.cursor() as cursor:
        cursor.execute(_PAGE.format(entries=entries), values)
        lines = [_line(row) for row in cursor.fetchall()]
    if len(lines) > limit:
        return Page(lines[:limit], lines[limit - 1].seq)
    return Page(lines, values["upto"] if last is not None and values["upto"] < last else None)


def shown(line: Line) -> dict[str, Any]:
    """Return the entry as the API and the JSON Lines file show it."""
    detail = line.detail
    return {
        "seq": line.seq,
        "id": str(line.id),
        "event": line.event,
        "outcome": line.outcome,
        "reason": line.reason,
        "source": line.source,
        "actor": {"kind": line.actor_kind, "id": line.actor_id, "label": detail.get("actor", "")},
        "subject": {"kind": line.subject_kind, "id": line.subject_id, "label": detail.get("subject", "")},
        "changes": detail.get("changes", {}),
        "data": detail.get("data", {}),
        "request_id": line.request_id,
        "happened_at": instant(line.happened_at),
        "ip": detail.get("ip", ""),
        "user_agent": detail.get("user_agent", ""),
    }


def cells(line: Line) -> list[str]:
    """Return the entry as COLUMNS names it; `changes` and `data` are JSON in their cell."""
    value = shown(line)
    for whom in ("actor", "subject"):
        value |= {f"{whom}_{name}": text for name, text in value[whom].items()}
    for structure in ("changes", "data"):
        value[structure] = json.dumps(value[structure], ensure_ascii=False, separators=(",", ":"))
    return [str(value[column]) for column in COLUMNS]


def _line(row: Sequence[Any]) -> Line:
    """Build a line from a row; Django leaves the JSON of a raw cursor as text."""
    detail = json.loads(row[-1]) if row[-1] else {}
    return Line(*(*row[:-1], detail))
