"""The places of a web process, and who is next: in the order of arrival, but whose organization has fewest of them first.

What is known to be slow (`config/pace.py`) never has all of them, so that a quick request always finds one soon. docs/decisions/places.md
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from config.clients import TooManyError
from config.pace import SLOW_SECONDS, Kind, Pace, kind_of

# Slow requests that wait keep threads that others need: of one organization so many, and of all.
SLOW_WAITING_MAX: Final = 32
ALL_SLOW_WAITING_MAX: Final = 96

Environ = dict[str, Any]


class Turn:
    """A request that wants a place, or has one. `is_begun`: a part of it is done, and it is not to be refused any more."""

    __slots__ = ("_kind", "_organization_of", "arrived", "environ", "is_begun", "place", "since", "woken")

    def __init__(self, environ: Environ, organization_of: Callable[[Environ], object]) -> None:
        self.environ = environ
        self.is_begun = False
        self.arrived = 0
        self.since = 0.0
        self.place: BaseDatabaseWrapper | None = None
        self.woken: threading.Lock | None = None
        self._organization_of = organization_of
        self._kind: Kind | None = None

    @property
    def kind(self) -> Kind:
        """What it has in common with others; found out when somebody wants to know."""
        if self._kind is None:
            self._kind = kind_of(self.environ, self._organization_of(self.environ))
        return self._kind


class Places:
    """Lends each place to one request at a time."""

    def __init__(self, places: Iterable[BaseDatabaseWrapper]) -> None:
        self._free = list(places)
        self.number = len(self._free)
        self.pace = Pace()
        self._holding: list[Turn] = []
        self._waiting: list[Turn] = []
        self._arrivals = count(1)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many are free."""
        return len(self._free)

    def take(self, turn: Turn) -> BaseDatabaseWrapper:
        """Return a place as soon as it is this request's turn. Raises TooManyError for a slow one behind many that wait."""
        with self._lock:
            turn.arrived = turn.arrived or next(self._arrivals)
            # Whoever else could have it, if one is free, has it already.
            if self._free and self._may_have(turn):
                return self._lend(turn)
            if not turn.is_begun and self._is_slow(turn):
                self._refuse_many(turn)
            turn.woken = threading.Lock()
            turn.woken.acquire()
            self._waiting.append(turn)
        turn.woken.acquire()
        assert turn.place is not None  # noqa: S101 - who wakes it has lent it
        return turn.place

    def give_back(self, turn: Turn, place: BaseDatabaseWrapper) -> None:
        """Have the place lent to whose turn it is now."""
        held = time.monotonic() - turn.since
        with self._lock:
            self._holding.remove(turn)
            self._free.append(place)
            if held > SLOW_SECONDS or not self.pace.knows_none:
                self.pace.held(turn.kind, held)
            while self._waiting and self._free and (following := self._following()) is not None:
                self._waiting.remove(following)
                self._lend(following)
                assert following.woken is not None  # noqa: S101 - it waits
                following.woken.release()

    def stuck(self) -> int:
        """Return how many requests take long, holding a place or waiting for one; and learn of those that still hold theirs."""
        if not self._holding:
            return 0
        with self._lock:
            now = time.monotonic()
            for turn in self._holding:
                if now - turn.since > SLOW_SECONDS:
                    self.pace.holds(turn.kind, now - turn.since)
            return self._slow_holding() + sum(map(self._is_slow, self._waiting))

    def _lend(self, turn: Turn) -> BaseDatabaseWrapper:
        # The latest: on a quiet server one connection then does nearly everything, and knows its statements.
        turn.place = self._free.pop()
        turn.since = time.monotonic()
        self._holding.append(turn)
        return turn.place

    def _may_have(self, turn: Turn) -> bool:
        return not self._is_slow(turn) or self._slow_holding() < max(self.number - 1, 1)

    def _following(self) -> Turn | None:
        """Return whose turn it is, None where only slow ones wait and have enough places."""
        has = Counter(turn.kind[0] for turn in self._holding)
        slow_wait_on = self._slow_holding() >= max(self.number - 1, 1)
        return min(
            (turn for turn in self._waiting if not (slow_wait_on and self._is_slow(turn))),
            key=lambda turn: (has[turn.kind[0]], turn.arrived),
            default=None,
        )

    def _slow_holding(self) -> int:
        since = time.monotonic() - SLOW_SECONDS
        return sum(turn.since < since or self._is_slow(turn) for turn in self._holding)

    def _is_slow(self, turn: Turn) -> bool:
        return not self.pace.knows_none and self.pace.is_slow(turn.kind)

    def _refuse_many(self, turn: Turn) -> None:
        slow = [each.kind[0] for each in self._waiting if self._is_slow(each)]
        if len(slow) >= ALL_SLOW_WAITING_MAX or slow.count(turn.kind[0]) >= SLOW_WAITING_MAX:
            raise TooManyError
