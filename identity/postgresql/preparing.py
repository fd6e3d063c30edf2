"""Keeps what psycopg believes to be prepared the same as what the server has prepared, beside those of `identity.postgresql.flush`."""

from typing import Any

import psycopg
from psycopg._preparing import Key, Prepare, PrepareManager
from psycopg._queries import PostgresQuery


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

    @classmethod
    def of(cls, connection: "psycopg.Connection[Any]") -> "OwnPreparedOnly":
        """Return the one of a connection."""
        found = connection._prepared  # noqa: SLF001 - as above
        assert isinstance(found, cls)  # noqa: S101 - every connection of ours is guarded
        return found

    def __init__(self) -> None:
        super().__init__()
        self._latest: list[Key] = []

    def maybe_add_to_cache(self, query: PostgresQuery, prep: Prepare, name: bytes) -> Key | None:
        """Note what is being prepared; in a pipeline nobody knows yet whether it will be."""
        if prep is Prepare.SHOULD:
            self._latest.append(self.key(query))
        return super().maybe_add_to_cache(query, prep, name)

    def settled(self, *, refused: bool) -> None:
        """Take what was being prepared for prepared, or, where anything before it may have been `refused`, have it forgotten.

        The server skips all that follows a refusal. psycopg would not hear of it until a ROLLBACK of its own, and ours are not.
        """
        for key in self._latest if refused else ():
            if (name := self._names.pop(key, None)) is not None:
                # Where it was not prepared after all, the server has nothing to say to that.
                self._to_flush.append(name)
        self._latest.clear()

    def clear(self) -> bool:
        """Forget every statement; psycopg sends what is put aside after the present one."""
        self._counts.clear()
        self._to_flush.extend(self._names.values())
        self._names.clear()
        return bool(self._to_flush)
