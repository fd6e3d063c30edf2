"""A statement, and the channel that asks several by one flush and one round trip, past the cursors of Django and psycopg.

A read of SCIM is two small statements. Through cursors, their way from Python and back took ten times as long as PostgreSQL took to answer
them; libpq itself (psycopg.pq) takes 20 µs of the processor.
Why: docs/decisions/round-trips.md.
"""

import math
import re
import select
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

# What is asked a second time is prepared by the server; so many statements of a connection at most.
PREPARED_MAX: Final = 200
# Of these the server has nothing to plan, and names of savepoints are always new ones.
PASSING: Final = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
_PLACEHOLDER: Final = re.compile(r"%(?:%|s|\((\w+)\)s)")
_AUTO: Final = PyFormat.AUTO

Rows = list[tuple[Any, ...]]
Meanwhile = Callable[[], object] | None
# A quick answer is waited for without letting another thread work: to change threads takes as long.
_MOMENT_MILLISECONDS: Final = 1
# A statement as the server knows it: the types of its parameters are part of it.
_Key = tuple[str, tuple[int, ...]]


class Statement(NamedTuple):
    """SQL as psycopg takes it, with %s or %(name)s for each parameter.

    `plan` is PostgreSQL's plan_cache_mode, for those who ask as somebody: force_generic_plan where any values want the same plan.
    """

    sql: str
    parameters: Sequence[Any] | Mapping[str, Any] = ()
    plan: str = "auto"


def while_waiting(let_others_work: Callable[..., AbstractContextManager[None]]) -> None:
    """Have whoever waits for PostgreSQL, not just for a moment, do so within this; `for_the_disk` says that it is for a COMMIT."""
    global _waits  # noqa: PLW0603 - one process has one crew
    _waits = let_others_work


class _Ready(NamedTuple):
    """A statement in the form in which it is sent."""

    key: _Key
    sql: bytes
    values: Sequence[Any]
    types: Sequence[int]
    formats: Sequence[Any]


class _Preparing(NamedTuple):
    """That a statement is prepared under that name, or else closed."""

    key: _Key
    name: bytes
    is_kept: bool


def _nobody(*, for_the_disk: bool) -> AbstractContextManager[None]:  # noqa: ARG001 - as whoever has a crew
    return nullcontext()


_waits: Callable[..., AbstractContextManager[None]] = _nobody


class Channel:
    """One connection, and the statements that the server has prepared for it."""

    # What the quickest answer of this process took, since a connection was opened.
    nearest_seconds = math.inf

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection = connection
        self._pgconn: PGconn = connection.pgconn
        self._transformer = Transformer(connection)
        # None: asked once. They are in the order of their last use.
        self._names: OrderedDict[_Key, bytes | None] = OrderedDict()
        self._made = 0
        Channel.nearest_seconds = math.inf

    def ask(self, statements: Sequence[Statement], meanwhile: Meanwhile = None) -> list[Rows]:
        """Return the rows of each statement. What is sent together is one transaction, unless one is open already.

        `meanwhile` is done while PostgreSQL works; it may not ask anything on this connection. Raises psycopg's errors: of the first
        statement that is refused, and then none of them has been done.
        """
        ready = [self._ready(each) for each in statements]
        was_idle = self._pgconn.transaction_status == TransactionStatus.IDLE
        try:
            return self._answers(ready, meanwhile)
        except psycopg.errors.InvalidSqlStatementName:
            # Somebody has had the server forget them all. Where nothing is done yet: once more.
            self._names.clear()
            if not was_idle:
                raise
            if self._pgconn.transaction_status != TransactionStatus.IDLE:
                self._pgconn.exec_(b"ROLLBACK")
            return self._answers(ready, None)

    def _answers(self, ready: Sequence[_Ready], meanwhile: Meanwhile) -> list[Rows]:
        # What each answer is to: None to a question.
        preparing: list[_Preparing | None] = []
        self._pgconn.enter_pipeline_mode()
        is_clean = False
        try:
            for each in ready:
                self._send(each, preparing)
            self._pgconn.pipeline_sync()
            self._send_all()
            try:
                if meanwhile is not None:
                    meanwhile()
            finally:
                results = self._results(for_the_disk=ready[-1].sql == b"COMMIT")
                self._pgconn.exit_pipeline_mode()
                is_clean = True
                self._remember(results, preparing)
        finally:
            if not is_clean:
                # Answers may still come, and nobody could tell to what: the next request opens another connection.
                self._pgconn.finish()
        return self._read(results, preparing)

    def _ready(self, statement: Statement) -> _Ready:
        sql, names = _numbered(statement.sql)
        given = statement.parameters
        values = [given[name] for name in names] if isinstance(given, Mapping) else given
        dumped = self._transformer.dump_sequence(values, [_AUTO] * len(values)) if values else ()
        types = (self._transformer.types or ()) if values else ()
        formats = (self._transformer.formats or ()) if values else ()
        return _Ready((statement.sql, tuple(types)), sql, dumped, types, formats)

    def _send(self, each: _Ready, preparing: list[_Preparing | None]) -> None:
        pgconn, names = self._pgconn, self._names
        if each.key[0].startswith(PASSING):
            pgconn.send_query_params(each.sql, None)
        elif each.key not in names:
            self._forget_oldest(preparing)
            names[each.key] = None
            pgconn.send_query_params(each.sql, each.values, each.types, each.formats)
        else:
            names.move_to_end(each.key)
            name = names[each.key]
            if name is None:
                self._made += 1
                name = b"rollcall_%d" % self._made
                pgconn.send_prepare(name, each.sql, each.types)
                preparing.append(_Preparing(each.key, name, is_kept=True))
            pgconn.send_query_prepared(name, each.values, each.formats)
        preparing.append(None)

    def _forget_oldest(self, preparing: list[_Preparing | None]) -> None:
        while len(self._names) >= PREPARED_MAX:
            key, name = self._names.popitem(last=False)
            if name is not None:
                # Not DEALLOCATE: PgBouncer has the statements of its clients under names of its own.
                self._pgconn.send_close_prepared(name)
                preparing.append(_Preparing(key, name, is_kept=False))

    def _send_all(self) -> None:
        pgconn, waiting = self._pgconn, select.poll()
        waiting.register(pgconn.socket, select.POLLIN | select.POLLOUT)
        while pgconn.flush():
            # The server may want to be read from before it reads on.
            if any(what & select.POLLIN for _, what in waiting.poll()):
                pgconn.consume_input()

    def _results(self, *, for_the_disk: bool) -> list[PGresult]:
        """Return a result for each thing that was sent."""
        pgconn, waiting = self._pgconn, select.poll()
        waiting.register(pgconn.socket, select.POLLIN)
        found: list[PGresult] = []
        began = time.perf_counter()
        while True:
            while pgconn.is_busy():
                if for_the_disk or not waiting.poll(_MOMENT_MILLISECONDS):
                    with _waits(for_the_disk=for_the_disk):
                        waiting.poll()
                elif not found:
                    Channel.nearest_seconds = min(Channel.nearest_seconds, time.perf_counter() - began)
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                if pgconn.status == ConnStatus.BAD:
                    raise psycopg.OperationalError("the connection is closed")
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return found
            else:
                found.append(result)

    def _remember(self, results: list[PGresult], preparing: list[_Preparing | None]) -> None:
        """Know what the server has prepared: behind a statement that is refused it has neither made nor closed any."""
        for result, each in zip(results, preparing, strict=True):
            if each is not None and (result.status == ExecStatus.COMMAND_OK) == each.is_kept:
                self._names[each.key] = each.name

    def _read(self, results: list[PGresult], preparing: list[_Preparing | None]) -> list[Rows]:
        refused = None
        found: list[Rows] = []
        for result, prepared in zip(results, preparing, strict=True):
            if result.status == ExecStatus.FATAL_ERROR:
                refused = refused or result
            elif prepared is not None:
                continue
            elif result.status == ExecStatus.TUPLES_OK:
                self._transformer.set_pgresult(result)
                found.append(self._transformer.load_rows(0, result.ntuples, tuple))
            else:
                found.append([])
        if refused is not None:
            raise error_from_result(refused, self.connection.info.encoding)
        return found


@lru_cache(maxsize=1000)
def _numbered(sql: str) -> tuple[bytes, list[str]]:
    """Return the statement with $1, $2 … for its placeholders, and their names, each once, where they have any."""
    names: list[str] = []
    count = 0

    def numbered(found: re.Match[str]) -> str:
        nonlocal count
        if found[0] == "%%":
            return "%"
        if found[1] is None:
            count += 1
            return f"${count}"
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    return _PLACEHOLDER.sub(numbered, sql).encode(), names
