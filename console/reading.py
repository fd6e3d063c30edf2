"""Reading the record for people: newest first, by `seq`; entries that wait for their number stand before the others."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from audit import export, stretch
from console import words

_COLUMNS: Final = """
  entry.id, position.seq, entry.event, entry.outcome, entry.reason, entry.source, entry.actor_kind, entry.actor_id,
  entry.subject_kind, entry.subject_id, entry.request_id, entry.happened_at, detail.body
"""
_NUMBERED: Final = """
SELECT {columns} FROM audit_position position
  JOIN {entries} entry ON entry.id = position.entry_id
  LEFT JOIN audit_detail detail ON detail.entry_id = entry.id
 WHERE position.organization_id = %(organization)s AND position.seq >= %(first)s AND position.seq < %(after)s
   AND {conditions}
 ORDER BY position.seq DESC LIMIT %(limit)s
"""
_WAITING: Final = """
SELECT {columns} FROM audit_unsequenced waiting
  JOIN audit_entry entry ON entry.id = waiting.entry_id
  LEFT JOIN audit_position position ON position.entry_id = entry.id
  LEFT JOIN audit_detail detail ON detail.entry_id = entry.id
 WHERE waiting.organization_id = %(organization)s AND {conditions}
 ORDER BY entry.id DESC LIMIT %(limit)s
"""
_ANY: Final = """
SELECT {columns} FROM audit_entry entry
  LEFT JOIN audit_position position ON position.entry_id = entry.id
  LEFT JOIN audit_detail detail ON detail.entry_id = entry.id
 WHERE entry.organization_id = %(organization)s AND {conditions}
 ORDER BY entry.id DESC LIMIT %(limit)s
"""
# The newest of each, by the index of subjects: all together would be sorted, or looked for among everybody's.
_ABOUT: Final = """
SELECT {columns} FROM unnest(%(subject_ids)s::text[]) AS whom (id)
 CROSS JOIN LATERAL (
   SELECT * FROM audit_entry entry WHERE entry.organization_id = %(organization)s AND entry.subject_id = whom.id {conditions}
    ORDER BY entry.id DESC LIMIT %(limit)s) AS entry
  LEFT JOIN audit_position position ON position.entry_id = entry.id
  LEFT JOIN audit_detail detail ON detail.entry_id = entry.id
 ORDER BY entry.id DESC LIMIT %(limit)s
"""
_BEYOND: Final = 2**63 - 1
# Where the subject or a part of the data is meant, people write a name or an id: a UUID, or the digest that stands for somebody unknown.
ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
_CONDITIONS: Final = {
    "since": "entry.happened_at >= %(since)s",
    "until": "entry.happened_at < %(until)s",
    "event": "entry.event = %(event)s",
    "outcome": "entry.outcome = %(outcome)s",
    "actor": "(entry.actor_id = %(actor)s OR detail.body->>'actor' ILIKE %(actor_like)s)",
    "subject": "(entry.subject_id = %(subject)s OR detail.body->>'subject' ILIKE %(subject_like)s)",
    "request": "entry.request_id = %(request)s",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as a page shows it. `seq` is None while it waits; the detail is empty once it is erased."""

    id: UUID
    seq: int | None
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
    detail: dict[str, Any]

    @property
    def title(self) -> str:
        """What happened, in words."""
        return words.of_event(self.event)

    @property
    def actor(self) -> str:
        """Who did it: the label, else the kind."""
        return self.detail.get("actor") or (
            "somebody unknown" if self.actor_kind == "anonymous" else self.actor_kind
        )

    @property
    def subject(self) -> str:
        """To whom or what: the label, else the kind."""
        return self.detail.get("subject") or self.subject_kind.replace("_", " ")

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        """Return (path, old, new) of what changed."""
        found = self.detail.get("changes") or {}
        return [(path, *pair) for path, pair in found.items() if isinstance(pair, list) and len(pair) == 2]  # noqa: PLR2004 - old and new

    @property
    def gist(self) -> str:
        """Say shortly what changed, for lists."""
        data = self.detail.get("data") or {}
        parts = [f"{path}: {_short(old)} → {_short(new)}" for path, old, new in self.changes[:2]]
        if data.get("resource"):
            parts.append(f"{data.get('kind', '')} {data['resource']}".strip())
        if self.reason:
            parts.append(self.reason.replace("_", " "))
        return " · ".join(parts)


@dataclass(frozen=True, slots=True)
class Latest:
    """A page of lines, and the `after` of the next one, None at the end. A filter may leave a page short with more to come."""

    lines: list[Line]
    following: int | None


def latest(organization_id: UUID, wanted: dict[str, Any], limit: int) -> Latest:
    """Return the newest entries that meet the conditions, waiting ones first unless a cursor (`after`) is given.

    `wanted` may hold after, since, until, event, outcome, actor, subject, request. Of these it looks through `stretch.ENTRIES` at a time.
    """
    values, conditions = _where(organization_id, wanted, limit + 1)
    found: list[Line] = []
    if "after" not in wanted:
        found = _rows(_WAITING.format(columns=_COLUMNS, conditions=conditions), values)
    entries = stretch.leading(values) if wanted.keys() - {"after"} else ""
    if entries == "audit_entry":
        values["after"] = stretch.before(values, wanted.get("after", export.head(organization_id) + 1))
        values["first"] = max(values["after"] - stretch.ENTRIES, 0)
    if len(found) <= limit:
        known = {line.id for line in found}
        numbered = _NUMBERED.format(columns=_COLUMNS, entries=entries or "audit_entry", conditions=conditions)
        values["limit"] = limit + 1 - len(found)
        found += [line for line in _rows(numbered, values) if line.id not in known]
    if len(found) > limit:
        return Latest(found[:limit], found[limit - 1].seq)
    following = stretch.before(values, values["first"]) if values["first"] > 1 else 0
    if not found and following < values["first"] and "after" not in wanted:
        # The newest entries are in no stretch that is measured; what was asked for lies before them.
        return latest(organization_id, wanted | {"after": following}, limit)
    return Latest(found, following if following > 1 else None)


def one(organization_id: UUID, entry_id: UUID) -> Line | None:
    """Return one entry, or None."""
    return _one(organization_id, "entry.id = %(entry)s", {"entry": entry_id})


def of_subject(organization_id: UUID, subject_id: str, limit: int, event: str = "") -> list[Line]:
    """Return the newest entries about somebody or something, of one event or of all."""
    wanted = {"subject_id": subject_id, "event": event, "organization": organization_id, "limit": limit}
    conditions = "entry.subject_id = %(subject_id)s" + (" AND entry.event = %(event)s" if event else "")
    return _rows(_ANY.format(columns=_COLUMNS, conditions=conditions), wanted)


def about(organization_id: UUID, subject_ids: list[str], limit: int, before: str = "") -> list[Line]:
    """Return the newest entries about any of the subjects, or those before an entry's id."""
    wanted = {"subject_ids": subject_ids, "organization": organization_id, "limit": limit, "before": before}
    conditions = "AND entry.id < %(before)s" if before else ""
    return _rows(_ABOUT.format(columns=_COLUMNS, conditions=conditions), wanted)


def _one(organization_id: UUID, conditions: str, values: dict[str, Any]) -> Line | None:
    values |= {"organization": organization_id, "limit": 1}
    return next(iter(_rows(_ANY.format(columns=_COLUMNS, conditions=conditions), values)), None)


def _where(organization_id: UUID, wanted: dict[str, Any], limit: int) -> tuple[dict[str, Any], str]:
    values: dict[str, Any] = {
        "organization": organization_id,
        "limit": limit,
        "first": 0,
        "after": _BEYOND,
        **wanted,
    }
    named = dict(_CONDITIONS)
    for name in ("actor", "subject"):
        if name in wanted and ID.fullmatch(wanted[name]):
            named[name] = f"entry.{name}_id = %({name})s"
        elif name in wanted:
            clean = wanted[name].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            values[f"{name}_like"] = f"%{clean}%"
    if ID.fullmatch(wanted.get("subject", "")):
        values["subjects"] = [wanted["subject"]]
    conditions = [named[name] for name in wanted if name != "after"]
    return values, " AND ".join(conditions) or "true"


def _rows(sql: str, values: dict[str, Any]) -> list[Line]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [Line(*(*row[:-1], _body(row[-1]))) for row in cursor.fetchall()]


def _body(value: Any) -> dict[str, Any]:
    """Read the detail: Django leaves the JSON of a raw cursor as text; an erased person's is gone."""
    found = json.loads(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def _short(value: Any) -> str:
    if value is None or value == "":
        return "none"
    text = (value if isinstance(value, str) else _plain(value)) or "nothing"
    return text if len(text) <= 40 else text[:39] + "…"  # noqa: PLR2004 - about a third of a line


def _plain(value: Any) -> str:
    """Write a structure as people read it: the values that stand in it, in a row, those with their names that say nothing by themselves."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        shown = value.get("formatted") or value.get("displayName") or value.get("value")
        return str(shown) if shown else _row(_Named(*item) for item in value.items())
    if isinstance(value, _Named):
        text = "none" if value.value is None else _plain(value.value)
        return f"{value.name}: {text}" if isinstance(value.value, int | None) else text
    return _row(value) if isinstance(value, list) else str(value)


class _Named(NamedTuple):
    name: str
    value: Any


def _row(values: Iterable[Any]) -> str:
    return ", ".join(text for each in values if (text := _plain(each)))
