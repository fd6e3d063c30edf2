"""Transactions that PostgreSQL ended since they waited for each other: whoever can begins them again."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, TypeVar

import psycopg
from django.db import OperationalError, connection

from audit.record import on_recorded

TRIES_MAX: Final = 4
# Of two that wait for each other PostgreSQL ends one after a second; the other goes on, and the next try waits for it alone.
_ENDED: Final = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
Result = TypeVar("Result")

_recorded: ContextVar[int] = ContextVar("transactions_recorded", default=0)


def outlived(work: Callable[[], Result]) -> Result:
    """Return what `work` does; done again, at most four times in all, where PostgreSQL ended its transaction for another one's sake.

    Where a transaction of it that recorded something is through already, the rest is not done again: that part would happen twice.
    Within somebody's transaction it is done once: that one is ended too.
    """
    recorded = _recorded.get()
    for tries_left in reversed(range(TRIES_MAX)):
        try:
            return work()
        except OperationalError as error:
            if (
                not tries_left
                or connection.in_atomic_block
                or not is_one(error)
                or _recorded.get() != recorded
            ):
                raise
    raise AssertionError("the last try returns or raises")


def is_one(error: OperationalError) -> bool:
    """Tell whether PostgreSQL ended the transaction for another one's sake."""
    return isinstance(error.__cause__, _ENDED)


def _note_recorded() -> None:
    _recorded.set(_recorded.get() + 1)


on_recorded(_note_recorded)
