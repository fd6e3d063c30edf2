"""Tells the clock that a directory waits for a worker, right after the commit, so that nobody waits for the next tick.

Only a convenience: the rows are the queue, and the timetable's tick finds whatever nobody was woken for.
"""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.db import transaction

# (organization, directory); never raises, and may be called twice.
Waker = Callable[[UUID, UUID], None]
_wakers: list[Waker] = []


def woken_by(waker: Waker) -> None:
    """Have workers woken by this function, from now on."""
    _wakers[:] = [waker]


def after_commit(organization_id: UUID, directory_id: UUID) -> None:
    """Have somebody look at the directory once the caller's transaction is committed; nothing if it never is."""
    for waker in _wakers:
        transaction.on_commit(partial(waker, organization_id, directory_id))
