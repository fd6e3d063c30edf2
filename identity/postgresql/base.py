"""Fewer round trips: BEGIN, the tenant's setting and savepoints are sent together with the statement that follows them.

Django's own backend waits for the answer of each. Here they are queued in libpq's pipeline, which ends with the next statement, the
commit or the rollback; if one of them were refused, that one would raise.
"""

import select
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any

from django.db import Error
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper

from identity.postgresql.flush import Channel, Rows, Statement


class Cursor(CursorWrapper):
    """A cursor whose statement takes along what is queued."""

    def _execute(self, sql: Any, params: Any, *context: Any) -> Any:
        try:
            return super()._execute(sql, params, *context)  # type: ignore[misc]  # the stubs leave it out
        except Error:
            # psycopg itself refused (a NUL in a text): what was queued for this statement is not left for the next one.
            with suppress(Error):
                self.db.land()
            raise
        finally:
            self.db.land()

    def _executemany(self, sql: Any, param_list: Any, *context: Any) -> Any:
        self.db.land()
        return super()._executemany(sql, param_list, *context)  # type: ignore[misc]  # the stubs leave it out


class DebugCursor(Cursor, CursorDebugWrapper):
    """The same where Django is asked to remember statements."""


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection. `ahead` queues a statement, `ask` sends several at once; everything else is Django's."""

    _queue: AbstractContextManager[Any] | None = None
    _channel: Channel | None = None

    def ahead(
        self,
        sql: str,
        parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        prepare: bool | None = None,
    ) -> None:
        """Queue a statement whose answer nobody reads: it travels with the next one, in its transaction."""
        self.validate_no_broken_transaction()
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            if self._queue is None:
                self._queue = self.connection.pipeline()
                self._queue.__enter__()
            self.connection.execute(sql, parameters, prepare=prepare)

    def land(self) -> None:
        """Have everything queued done, and raise what any of it was refused for."""
        queue, self._queue = self._queue, None
        if queue is not None:
            with self.wrap_database_errors:
                queue.__exit__(None, None, None)

    def ask(self, *statements: Statement) -> list[Rows]:
        """Return the rows of each statement, by one round trip and in one transaction. Raises Django's errors of the database.

        Who watches statements (`execute_wrapper`, `queries`) sees the last one, which is what was asked; the others tell for whom.
        """
        self.validate_no_broken_transaction()
        self.close_if_health_check_failed()
        self.ensure_connection()
        if self.queries_logged:
            self.queries_log.append({"sql": statements[-1].sql, "time": ""})
        if not self.execute_wrappers:
            return self._asked(statements)
        asked: Any = lambda *_: self._asked(statements)  # noqa: E731 - as a wrapper calls it
        for wrapper in reversed(self.execute_wrappers):
            asked = partial(wrapper, asked)
        rows: list[Rows] = asked(statements[-1].sql, statements[-1].parameters, False, {"connection": self})
        return rows

    def _asked(self, statements: Sequence[Statement]) -> list[Rows]:
        self.land()
        with self.wrap_database_errors:
            if self._channel is None or self._channel.connection is not self.connection:
                self._channel = Channel(self.connection)
            return self._channel.ask(statements)

    def is_usable(self) -> bool:
        """Tell whether the connection still stands: a healthy one that rests has nothing to read.

        Django would ask `SELECT 1`, a round trip for each request.
        """
        if self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)

    def make_cursor(self, cursor: Any) -> Cursor:
        """Wrap psycopg's cursor."""
        return Cursor(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> DebugCursor:
        """Wrap psycopg's cursor where statements are remembered."""
        return DebugCursor(cursor, self)

    def chunked_cursor(self) -> Any:
        """Give a cursor on the server, which can't be part of a pipeline."""
        self.land()
        return super().chunked_cursor()

    def _savepoint(self, sid: str) -> None:
        self.ahead(self.ops.savepoint_create_sql(sid), prepare=False)

    def _savepoint_commit(self, sid: str) -> None:
        self.ahead(self.ops.savepoint_commit_sql(sid), prepare=False)

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]  # the stubs leave it out
        self.land()

    def _rollback(self) -> None:
        super()._rollback()  # type: ignore[misc]  # the stubs leave it out
        self.land()

    def _close(self) -> None:
        with suppress(Error):
            self.land()
        super()._close()  # type: ignore[misc]  # the stubs leave it out
