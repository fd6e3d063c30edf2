"""Fewer round trips: what nobody waits for is queued, and sent together with the statement that follows, the commit or the rollback.

BEGIN, the tenant's setting, savepoints, entries of the record: Django's own backend waits for the answer of each. They are done before
the statement that they travel with, in the same transaction; if one of them were refused, that statement would raise.

Whoever writes a verb meets five of these, all of `connection`: `ahead` queues what nobody waits for, `later` what is to be read once the
next statement is through, `write` what a constraint may refuse; `ask` sends what is queued with its own statements and waits; `flush` sends
what is queued alone. The ORM goes on as ever: its cursors take along what is queued (`board`) and await it with their own answer (`land`).
Why: docs/decisions/round-trips.md.
"""

import select
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any, Final

import psycopg
from django.db import Error, OperationalError
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper
from psycopg.pq import TransactionStatus

from identity.postgresql.flush import PASSING, Channel, Meanwhile, Rows, Statement
from identity.postgresql.preparing import OwnPreparedOnly

_BEGIN: Final = Statement("BEGIN")
_COMMIT: Final = Statement("COMMIT")
_ROLLBACK: Final = Statement("ROLLBACK")


class Later:
    """The answer to a statement that was queued: None until it has travelled."""

    rows: Rows | None = None


class Cursor(CursorWrapper):
    """A cursor whose statement takes along what is queued."""

    def _execute(self, sql: Any, params: Any, *context: Any) -> Any:
        try:
            self.db.board()
            return super()._execute(sql, params, *context)  # type: ignore[misc]  # the stubs leave it out
        except Error:
            # psycopg itself refused (a NUL in a text): what was queued for this statement is not left for the next one.
            with suppress(Error):
                self.db.land(refused=True)
            raise
        finally:
            self.db.land()

    def _executemany(self, sql: Any, param_list: Any, *context: Any) -> Any:
        self.db.flush()
        return super()._executemany(sql, param_list, *context)  # type: ignore[misc]  # the stubs leave it out

    def copy(self, *parts: Any) -> Any:
        """Begin a COPY, which can't be part of a pipeline."""
        self.db.flush()
        return self.cursor.copy(*parts)


class DebugCursor(Cursor, CursorDebugWrapper):
    """The same where Django is asked to remember statements."""


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection. `ahead` queues a statement, `ask` sends several at once; everything else is Django's.

    `stands_as_one`: whoever opened the transaction lets every refusal out, so that a refused write may be heard of late (`write`).
    """

    stands_as_one = False
    # How many were queued or sent: where it is as before, nothing was done in between.
    statements = 0
    _pipeline: AbstractContextManager[Any] | None = None
    _channel: Channel | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._queued: list[Statement] = []
        # Whose answers are read of what is queued, by their places there.
        self._awaited: dict[int, Later] = {}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Open a connection on which psycopg leaves alone what it has not prepared itself."""
        made = super().get_new_connection(conn_params)
        OwnPreparedOnly.guard(made)
        return made

    def validate_no_broken_transaction(self) -> None:
        """Refuse to go on in a transaction that can only be rolled back. Raises OperationalError where that is so since it is lost."""
        if self.needs_rollback and self.connection is not None and self.connection.closed:
            # Whoever took a refusal for the end of a savepoint hears here that it was the end of everything.
            raise OperationalError("The connection was lost within the transaction.")
        super().validate_no_broken_transaction()

    def ahead(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> None:
        """Queue a statement whose answer nobody reads: it travels with the next one, in its transaction."""
        self.validate_no_broken_transaction()
        self.close_if_health_check_failed()
        self.ensure_connection()
        self.statements += 1
        self._queued.append(Statement(sql, parameters))

    def later(self, statement: Statement) -> Later:
        """Queue a statement whose answer is read once the next one has been asked, with which it travels."""
        self.ahead(statement.sql, statement.parameters)
        self._awaited[len(self._queued) - 1] = answer = Later()
        return answer

    def write(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> None:
        """Do what a constraint may refuse: at once, so that the verb hears of it, or with the next statement if all `stands_as_one`."""
        if self.stands_as_one:
            self.ahead(sql, parameters)
        else:
            self.ask(Statement(sql, parameters))

    def ask(self, *statements: Statement, meanwhile: Meanwhile = None) -> list[Rows]:
        """Return the rows of each statement, by one round trip and in one transaction. Raises Django's errors of the database.

        `meanwhile` is done while PostgreSQL works: it may queue statements (`ahead`), and ask none. Who watches statements
        (`execute_wrapper`, `queries`) sees the last one, which is what was asked; the others tell for whom.
        """
        self.validate_no_broken_transaction()
        self.close_if_health_check_failed()
        self.ensure_connection()
        if self.queries_logged:
            self.queries_log.append({"sql": statements[-1].sql, "time": ""})
        if not self.execute_wrappers:
            return self._asked(statements, meanwhile)
        asked: Any = lambda *_: self._asked(statements, meanwhile)  # noqa: E731 - as a wrapper calls it
        for wrapper in reversed(self.execute_wrappers):
            asked = partial(wrapper, asked)
        rows: list[Rows] = asked(statements[-1].sql, statements[-1].parameters, False, {"connection": self})
        return rows

    def _asked(self, statements: Sequence[Statement], meanwhile: Meanwhile = None) -> list[Rows]:
        self.statements += 1
        queued, self._queued = self._queued, []
        awaited, self._awaited = self._awaited, {}
        before = [_BEGIN] if not self.autocommit and self._status == TransactionStatus.IDLE else []
        with self.wrap_database_errors:
            if self._channel is None or self._channel.connection is not self.connection:
                self._channel = Channel(self.connection)
            answers = self._channel.ask([*before, *queued, *statements], meanwhile)[len(before) :]
        for place, later in awaited.items():
            later.rows = answers[place]
        return answers[len(queued) :]

    def flush(self) -> None:
        """Have everything queued done, and raise what any of it was refused for."""
        if self._queued:
            self._asked(())

    def board(self) -> None:
        """Let what is queued travel with the statement that psycopg sends next; not where somebody reads an answer of it."""
        self.statements += 1
        if self._awaited:
            self.flush()
        queued, self._queued = self._queued, []
        if queued:
            with self.wrap_database_errors:
                self._pipeline = self.connection.pipeline()
                self._pipeline.__enter__()
                for each in queued:
                    prepare = False if each.sql.startswith(PASSING) else None
                    self.connection.execute(each.sql, each.parameters or None, prepare=prepare)

    def land(self, *, refused: bool = False) -> None:
        """Await the answers to what has travelled with psycopg's statement, and raise what any of it was refused for."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is None:
            return
        try:
            with self.wrap_database_errors:
                pipeline.__exit__(None, None, None)
        except Error:
            refused = True
            raise
        finally:
            OwnPreparedOnly.of(self.connection).settled(refused=refused)

    @property
    def _status(self) -> TransactionStatus:
        status: TransactionStatus = self.connection.pgconn.transaction_status
        return status

    def is_usable(self) -> bool:
        """Tell whether the connection still stands: a healthy one that rests has nothing to read.

        Django would ask `SELECT 1`, a round trip for each request. Only after an error we ask too, and whether changes are taken: after a
        failover a connection may still lead to what is a standby now, and the next one to another server.
        """
        if self.connection is None or self.connection.closed:
            return False
        if self.errors_occurred and not self._takes_changes():
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)

    def _takes_changes(self) -> bool:
        try:
            answer = self.connection.execute("SHOW transaction_read_only", prepare=False).fetchone()
        except psycopg.Error:
            return False
        return bool(answer == ("off",))

    def make_cursor(self, cursor: Any) -> Cursor:
        """Wrap psycopg's cursor."""
        return Cursor(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> DebugCursor:
        """Wrap psycopg's cursor where statements are remembered."""
        return DebugCursor(cursor, self)

    def chunked_cursor(self) -> Any:
        """Give a cursor on the server, which can't be part of a pipeline."""
        self.flush()
        return super().chunked_cursor()

    def _savepoint(self, sid: str) -> None:
        self.ahead(self.ops.savepoint_create_sql(sid))

    def _savepoint_commit(self, sid: str) -> None:
        self.ahead(self.ops.savepoint_commit_sql(sid))

    def _savepoint_rollback(self, sid: str) -> None:
        # What was queued since is taken back with the rest, whether or not it would have been refused.
        with suppress(Error):
            self.flush()
        self._asked([Statement(self.ops.savepoint_rollback_sql(sid))])

    def _commit(self) -> None:
        if self.connection is not None and (self._queued or self._status != TransactionStatus.IDLE):
            self._asked([_COMMIT])

    def _rollback(self) -> None:
        # Not psycopg's own, which has the server forget what it has prepared.
        self._forget()
        if self.connection is not None and self._status in {
            TransactionStatus.INTRANS,
            TransactionStatus.INERROR,
        }:
            self._asked([_ROLLBACK])
        else:
            super()._rollback()  # type: ignore[misc]  # the stubs leave it out

    def _forget(self) -> None:
        self._queued.clear()
        self._awaited.clear()

    def _close(self) -> None:
        self._forget()
        with suppress(Error):
            self.land()
        super()._close()  # type: ignore[misc]  # the stubs leave it out
