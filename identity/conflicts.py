"""Transactions that PostgreSQL ended since they waited for each other: whoever can begins them again."""

from collections.abc import Callable
from typing import Final, TypeVar

import psycopg
from django.db import OperationalError, connection

TRIES_MAX: Final = 4
# Of two that wait for each other PostgreSQL ends one after a second; the other goes on, and the next try waits for it alone.
_ENDED: Final = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
Result = TypeVar("Result")


def outlived(work: Callable[[], Result]) -> Result:
    """Return what `work` does, which is one transaction and nothing beside it; done again, at most four times, where it was ended so.

    Within somebody's transaction it is done once: that one is ended too.
    """
    for tries_left in reversed(range(TRIES_MAX)):
        try:
            return work()
        except OperationalError as error:
            if not tries_left or connection.in_atomic_block or not is_one(error):
                raise
    raise AssertionError("the last try returns or raises")


def is_one(error: OperationalError) -> bool:
    """Tell whether PostgreSQL ended the transaction for another one's sake."""
    return isinstance(error.__cause__, _ENDED)
