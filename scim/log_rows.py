"""Writes rows of the request log: those of a lot by one transaction, and in a web process those of reads a moment after their answers.

What changed something or was refused is written down before it is answered. A read changes nothing: nobody waits for its row.
Why: docs/decisions/scim-request-log.md.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from multiprocessing.util import Finalize
from operator import attrgetter
from queue import Empty, SimpleQueue
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DataError, Error, IntegrityError

from audit.schema import ORGANIZATION_SETTING
from identity.postgresql.flush import Statement
from identity.tenancy import connection

# So long rows of reads are gathered while others are written.
PACE_SECONDS: Final = 0.01
LOT_MAX: Final = 64
# Of reads beyond them each waits for its own row: PostgreSQL is slower than they are answered.
WAITING_MAX: Final = 1024
STOP_SECONDS: Final = 5.0
# Several times the pace, for a machine that is busy.
_READERS_WAIT_SECONDS: Final = 0.05
_SET: Final = (
    f"SELECT set_config('{ORGANIZATION_SETTING}', %s, true), set_config('synchronous_commit', 'off', true)"
)
_INSERT: Final = """
INSERT INTO scim_loggedrequest (id, organization_id, directory_id, token_id, happened_at, method, path, resource_id, status, code,
                                duration_us, warnings, client, user_agent, request_id, exchange)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""

log = structlog.get_logger("rollcall.scim")


@dataclass(frozen=True, slots=True)
class Row:
    """One request that was sent to an organization's directory; `values` in the order of the statement."""

    organization_id: UUID
    values: tuple[Any, ...]


def write(rows: Sequence[Row]) -> None:
    """Write rows by one round trip, in a transaction of their own. Raises nothing of PostgreSQL's.

    What was asked is done or refused by now: a full disk must not turn it into a failure, so a row that can't be written is logged as lost.
    """
    if not rows:
        return
    if connection.in_atomic_block:
        raise RuntimeError("a request is written down after everything, not in somebody's transaction")
    statements: list[Statement] = []
    for organization_id, several in groupby(rows, attrgetter("organization_id")):
        statements += [
            Statement(_SET, [str(organization_id)]),
            *(Statement(_INSERT, row.values) for row in several),
        ]
    try:
        connection.ask(*statements)
    except Error as error:
        if isinstance(error, IntegrityError | DataError) and len(rows) > 1:
            # One of them: its directory is gone, say.
            for row in rows:
                write([row])
            return
        lost(error, len(rows))


def lost(error: Exception, rows: int = 1) -> None:
    """Log that requests could not be written down."""
    log.error("request_log_failed", error=type(error).__name__, rows=rows)


class Behind:
    """Writes rows in a thread of its own, which begins with the first of them."""

    def __init__(self) -> None:
        self._rows: SimpleQueue[Row | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def take(self, row: Row) -> bool:
        """Take a row that is to be written within a moment. False where too many wait: then it is the caller's."""
        if self._rows.qsize() >= WAITING_MAX:
            return False
        self._rows.put(row)
        if self._thread is None:
            self._begin()
        return True

    def close(self) -> None:
        """Write what waits, and end. A thread that waits for PostgreSQL longer than STOP_SECONDS is left to it."""
        self._rows.put(None)
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="request-log", daemon=True)
                self._thread.start()
                # At the end of a process of granian, which runs none of `atexit`.
                Finalize(None, self.close, exitpriority=0)

    def _work(self) -> None:
        try:
            while self._write_those_waiting():
                time.sleep(PACE_SECONDS)
        finally:
            connection.close()

    def _write_those_waiting(self) -> bool:
        """Write those who wait, at least one. False at the end."""
        lot = [self._rows.get()]
        while len(lot) < LOT_MAX and lot[-1] is not None:
            try:
                lot.append(self._rows.get_nowait())
            except Empty:
                break
        rows = sorted((row for row in lot if row is not None), key=attrgetter("organization_id"))
        if rows:
            if not connection.is_usable():
                # PostgreSQL was started anew since.
                connection.close()
            write(rows)
        return lot[-1] is not None


_behind: Behind | None = None


def write_reads_behind() -> Behind:
    """Have the rows of reads written a moment after their answers from now on, in a process that answers many."""
    global _behind  # noqa: PLW0603 - one process has one
    _behind = Behind()
    return _behind


def write_read(rows: Sequence[Row]) -> None:
    """Write rows of reads, now or within a moment."""
    write([row for row in rows if _behind is None or not _behind.take(row)])


def await_reads() -> None:
    """Wait until what any web process has answered by now is written: whoever reads the log finds what they have just asked."""
    if _behind is not None:
        time.sleep(_READERS_WAIT_SECONDS)
