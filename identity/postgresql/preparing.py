"""Keeps psycopg from having the server forget statements that it has not prepared: those of `identity.postgresql.flush`."""

from typing import Any

import psycopg
from psycopg._preparing import PrepareManager


class OwnPreparedOnly(PrepareManager):
    """Forgets its own statements, one by one.

    psycopg sends DEALLOCATE ALL with the first statement after a ROLLBACK, DROP or ALTER of its own. A statement that a channel has
    prepared would be gone in the middle of a transaction, which can't be begun again from there.
    """

    @classmethod
    def guard(cls, connection: "psycopg.Connection[Any]") -> None:
        """Put one in the place of psycopg's, with its limits."""
        theirs, ours = connection._prepared, cls()  # noqa: SLF001 - psycopg has no public place for it
        ours.prepare_threshold, ours.prepared_max = theirs.prepare_threshold, theirs.prepared_max
        connection._prepared = ours  # noqa: SLF001

    def clear(self) -> bool:
        """Forget every statement; psycopg sends what is put aside after the present one."""
        self._counts.clear()
        self._to_flush.extend(self._names.values())
        self._names.clear()
        return bool(self._to_flush)
