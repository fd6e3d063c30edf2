"""Writing the record: one call in the transaction of the change that it tells of."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from audit import context
from audit.events import Event
from audit.ids import uuid7

_TEXT_LENGTH_MAX = 4096
_USER_AGENT_LENGTH_MAX = 400
_INSERT = """
WITH entry AS (
  INSERT INTO audit_entry (id, organization_id, event, outcome, reason, source, actor_kind, actor_id, subject_kind, subject_id,
                           request_id, happened_at, commitment)
  SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                       %s::text[], %s::text[], %s::timestamptz[], %s::bytea[])
)
INSERT INTO audit_detail (entry_id, organization_id, salt, body)
SELECT entry_id, organization_id, salt, body.list -> (place - 1)::int
  FROM unnest(%s::uuid[], %s::uuid[], %s::bytea[]) WITH ORDINALITY AS row (entry_id, organization_id, salt, place),
       (SELECT %s::jsonb AS list) AS body
"""


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
    """Write many entries with one statement and return their ids, in the order of `lines`."""
    if not connection.in_atomic_block:
        message = "audit.record runs in the transaction of the change that it records; open one with identity.tenancy.of()."
        raise OutsideTransactionError(message)
    lines = list(lines)
    rows = [_row(line) for line in lines]
    if not rows:
        return []
    *columns, bodies = [list(column) for column in zip(*rows, strict=True)]
    # One JSON list and no array of JSON, whose every text would be escaped once more.
    parameters: list[Any] = [*columns, Jsonb(bodies)]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, parameters)
    scheduled = {hook[1] for hook in connection.run_on_commit}
    for listener in _listeners:
        if listener not in scheduled:
            transaction.on_commit(listener)
    if _tellers:
        source = context.current().source
        counts = Counter((line.event.value, line.outcome, source) for line in lines)
        for teller in _tellers:
            transaction.on_commit(partial(teller, counts))
    return columns[0]


def canonical(value: object) -> bytes:
    """Return the one JSON text of a value, as RFC 8785 (JCS) has it for text, whole numbers, booleans, null, arrays and objects."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def commitment(salt: bytes, body: object) -> bytes:
    """Return SHA-256(salt ‖ canonical body), 32 bytes: what the entry keeps of its detail."""
    return hashlib.sha256(salt + canonical(body)).digest()


def _row(line: Line) -> tuple[Any, ...]:
    where = context.current()
    entry_id = uuid7()
    salt = os.urandom(32)
    body = {
        "actor": plain(line.actor.label),
        "subject": plain(line.subject.label),
        "changes": plain(line.changes),
        "data": plain(line.data),
        "ip": plain(where.ip),
        "user_agent": plain(where.user_agent[:_USER_AGENT_LENGTH_MAX]),
    }
    entry = (
        entry_id, line.organization_id, line.event.value, line.outcome, line.reason, where.source,
        line.actor.kind, str(line.actor.id), line.subject.kind, str(line.subject.id), where.request_id,
        timezone.now(), commitment(salt, body),
    )  # fmt: skip
    return (*entry, entry_id, line.organization_id, salt, body)


def plain(value: object) -> Any:
    """Return the value as JSON that survives PostgreSQL unchanged: no fractions, no NUL, no lone surrogates, texts of at most 4 kB."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        clean = value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
        return clean if len(clean) <= _TEXT_LENGTH_MAX else clean[:_TEXT_LENGTH_MAX] + "…"
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return plain(str(value))
