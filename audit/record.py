"""Writing the record: one call in the transaction of the change that it tells of."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.utils import timezone

from audit import context
from audit.events import Event
from audit.ids import uuid7s
from audit.json_text import commitment, plain, written

_USER_AGENT_LENGTH_MAX = 400
_SALT_BYTES: Final = 32
# More of them go by several statements: of a group of 200,000 people that ends, the text of all entries at once took gigabytes of memory.
ENTRIES_AT_ONCE: Final = 5000
# One JSON text and no array a column: it is written and read in a fraction of the time, for one entry and for ten thousand.
_INSERT: Final = """
WITH {change}line AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%(lines)s::json) AS line (
    id uuid, organization uuid, event text, outcome text, reason text, source text, actor_kind text, actor_id text, subject_kind text,
    subject_id text, request_id text, happened_at timestamptz, commitment text, salt text, body jsonb)
), entry AS (
  INSERT INTO audit_entry (id, organization_id, event, outcome, reason, source, actor_kind, actor_id, subject_kind, subject_id,
                           request_id, happened_at, commitment)
  SELECT id, organization, event, outcome, reason, source, actor_kind, actor_id, subject_kind, subject_id, request_id, happened_at,
         decode(commitment, 'hex') FROM line
)
INSERT INTO audit_detail (entry_id, organization_id, salt, body)
SELECT id, organization, decode(salt, 'hex'), body FROM line
"""
_ALONE: Final = _INSERT.replace("{change}", "")
# `ahead` and `write` are of identity.postgresql, a floor above.
_connection: Any = connection


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. `kind` is member, token, directory, connection, job, operator or anonymous."""

    kind: str
    id: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom or what it was done to: kind (a word of the design: member, group, grant …), id and a label for people."""

    kind: str
    id: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry to be: `changes` maps a path to [old, new]; `data` holds what else a reader needs. No secrets in either."""

    event: Event
    organization_id: UUID
    actor: Actor
    subject: Subject
    changes: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = "success"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Composed:
    """Entries in the form in which they are sent, by `compose`."""

    ids: list[UUID]
    text: str
    counts: Mapping[tuple[str, str, str], int]


class OutsideTransactionError(RuntimeError):
    """An entry was written outside the transaction of its change: a bug of the caller."""


_listeners: list[Callable[[], None]] = []
_tellers: list[Callable[[Mapping[tuple[str, str, str], int]], None]] = []


def on_recorded(listener: Callable[[], None]) -> None:
    """Have `listener` called after the commit of each transaction that recorded something (the sequencer's alarm clock)."""
    if listener not in _listeners:
        _listeners.append(listener)


def on_counted(teller: Callable[[Mapping[tuple[str, str, str], int]], None]) -> None:
    """Have `teller` told after each commit how many entries of which (event, outcome, source) it brought (the metrics)."""
    if teller not in _tellers:
        _tellers.append(teller)


def record(
    event: Event,
    *,
    organization_id: UUID,
    actor: Actor,
    subject: Subject,
    changes: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    outcome: str = "success",
    reason: str = "",
) -> UUID:
    """Write one entry in the caller's transaction and return its id. `outcome` is success or refused; `reason` a stable code.

    Raises OutsideTransactionError where no transaction is open.
    """
    line = Line(event, organization_id, actor, subject, changes or {}, data or {}, outcome, reason)
    return record_all([line])[0]


def record_all(lines: Iterable[Line]) -> list[UUID]:
    """Write many entries and return their ids, in the order of `lines`; by one statement, up to ENTRIES_AT_ONCE.

    Nobody waits for the answer of the last one: it travels with the statement after it or with the commit.
    """
    rest, ids = iter(lines), []
    while len(part := list(islice(rest, ENTRIES_AT_ONCE))) == ENTRIES_AT_ONCE:
        ids += _write(_at_once, _ALONE, {}, compose(part))
    return ids + _write(_connection.ahead, _ALONE, {}, compose(part))


def record_composed(several: Iterable[Composed]) -> None:
    """Write what was composed in several contexts, by one statement for up to ENTRIES_AT_ONCE of them, in the manner of `record_all`."""
    rest = iter(several)
    while part := list(islice(rest, ENTRIES_AT_ONCE)):
        _write(_connection.ahead, _ALONE, {}, composed_together(part))


def with_entries(change: str) -> str:
    """Return the statement that makes a change and writes its entries at once; built once, for `record_with`.

    `change` is its common table expressions as they stand after WITH, as "gone AS (UPDATE … RETURNING id), ended AS (…)".
    """
    return _INSERT.replace("{change}", f"{change.strip()}, ")


def record_with(
    statement: str, parameters: Mapping[str, Any], lines: Sequence[Line] | Composed
) -> list[UUID]:
    """Make the change of a statement `with_entries` together with its entries, and return their ids.

    There must be entries; those beyond ENTRIES_AT_ONCE are written before. Raises OutsideTransactionError where no transaction is open.
    """
    if isinstance(lines, Composed):
        return _write(_connection.write, statement, parameters, lines)
    before = max(len(lines) - ENTRIES_AT_ONCE, 0)
    ids = record_all(lines[:before]) if before else []
    return ids + _write(_connection.write, statement, parameters, compose(lines[before:]))


def compose(lines: Sequence[Line]) -> Composed:
    """Work out what entries will say, in the context of who calls; nothing is written yet. They happened now."""
    ids = uuid7s(len(lines))
    source = context.current().source
    return Composed(
        ids,
        orjson.dumps(_rows(ids, lines)).decode(),
        Counter((line.event.value, line.outcome, source) for line in lines),
    )


def composed_together(several: Sequence[Composed]) -> Composed:
    """Return the entries that were composed in several contexts, as those of one statement."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for each in several:
        counts.update(each.counts)
    text = ",".join(each.text[1:-1] for each in several)
    return Composed([entry_id for each in several for entry_id in each.ids], f"[{text}]", counts)


def _at_once(sql: str, parameters: Mapping[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def _write(
    send: Callable[[str, Mapping[str, Any]], None],
    statement: str,
    parameters: Mapping[str, Any],
    entries: Composed,
) -> list[UUID]:
    if not connection.in_atomic_block:
        message = "audit.record runs in the transaction of the change that it records; open one with identity.tenancy.of()."
        raise OutsideTransactionError(message)
    if not entries.ids:
        return []
    send(statement, {**parameters, "lines": entries.text})
    scheduled = {hook[1] for hook in connection.run_on_commit}
    for listener in _listeners:
        if listener not in scheduled:
            transaction.on_commit(listener)
    for teller in _tellers:
        transaction.on_commit(partial(teller, entries.counts))
    return entries.ids


def _rows(ids: Sequence[UUID], lines: Sequence[Line]) -> list[dict[str, Any]]:
    where = context.current()
    now = timezone.now()
    ip, user_agent = plain(where.ip), plain(where.user_agent[:_USER_AGENT_LENGTH_MAX])
    rows = []
    salts = os.urandom(_SALT_BYTES * len(lines))
    for place, (entry_id, line) in enumerate(zip(ids, lines, strict=True)):
        salt = salts[_SALT_BYTES * place : _SALT_BYTES * (place + 1)]
        body = written(
            {
                "actor": line.actor.label,
                "subject": line.subject.label,
                "changes": line.changes,
                "data": line.data,
                "ip": ip,
                "user_agent": user_agent,
            }
        )
        rows.append(
            {
                "id": entry_id,
                "organization": line.organization_id,
                "event": line.event.value,
                "outcome": line.outcome,
                "reason": line.reason,
                "source": where.source,
                "actor_kind": line.actor.kind,
                "actor_id": str(line.actor.id),
                "subject_kind": line.subject.kind,
                "subject_id": str(line.subject.id),
                "request_id": where.request_id,
                "happened_at": now,
                "commitment": commitment(salt, body).hex(),
                "salt": salt.hex(),
                # The very text that is committed to.
                "body": orjson.Fragment(body),
            }
        )
    return rows
