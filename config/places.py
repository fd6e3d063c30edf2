"""The places of a web process, and who is next: in the order of arrival, but whose organization has fewest of them first.

What is known to be slow (`config/pace.py`) never has all of them, so that a quick request always finds one soon. One more is kept for an
organization that has none: nobody knows beforehand what will be slow. docs/decisions/places.md
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
        """What it has in common with others; found out when somebody wants to know, and anew until it is known whose it is.

        After the start nobody is known: the first ones are, once they have a place and have shown their token.
        """
        if self._kind is None or self._kind[0] is None:
            self._kind = kind_of(self.environ, self._organization_of(self.environ))
        return self._kind


class Places:
    """Lends each place to one request at a time; the last one that is free to an organization that has none."""

    def __init__(self, places: Iterable[BaseDatabaseWrapper]) -> None:
        self._free = list(places)
        self.number = len(self._free) - 1
        self.pace = Pace()
        self._holding: list[Turn] = []
        self._waiting: list[Turn] = []
        self._arrivals = count(1)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many are free, beside the one that is kept."""
        return max(len(self._free) - 1, 0)

    def take(self, turn: Turn) -> BaseDatabaseWrapper:
        """Return a place as soon as it is this request's turn. Raises TooManyError for a slow one behind many that wait."""
        with self._lock:
            turn.arrived = turn.arrived or next(self._arrivals)
            # Whoever else could have it, if one is free, has it already.
            if self._is_quiet() or (self._free and self._following([turn])):
                return self._lend(turn)
            turn.woken = threading.Lock()
            turn.woken.acquire()
            self._waiting.append(turn)
            if self._is_slow(turn):
                self._turn_away()
        turn.woken.acquire()
        if turn.place is None:
            raise TooManyError
        return turn.place

    def give_back(self, turn: Turn, place: BaseDatabaseWrapper) -> None:
        """Have the place lent to whose turn it is now."""
        held = time.monotonic() - turn.since
        with self._lock:
            self._holding.remove(turn)
            self._free.append(place)
            if held > SLOW_SECONDS or not self.pace.knows_none:
                self.pace.held(turn.kind, held)
            self._lend_on()

    def longer_than(self, seconds: float) -> int:
        """Return how many have had their place for longer."""
        until = time.monotonic() - seconds
        return sum(turn.since < until for turn in list(self._holding))

    def stuck(self) -> int:
        """Return how many requests hold a place or wait for one and are slow, or wait for such; and learn who holds theirs for long by now.

        Who holds one for long is not counted for that alone: where the processor is short everybody does, and more threads at work
        would make it worse. Who waits is, where all places are held for long: else nobody would bring those here for whom one is kept.
        """
        if not self._holding:
            return 0
        with self._lock:
            # By now it may be known whose the others are that have the places.
            self._lend_on()
            now = time.monotonic()
            late = [turn for turn in self._holding if now - turn.since > SLOW_SECONDS]
            for turn in late:
                self.pace.holds(turn.kind, now - turn.since)
            if self.pace.knows_none:
                return 0
            self._turn_away()
            if len(late) >= self.number:
                return sum(map(self._is_slow, self._holding)) + len(self._waiting)
            return sum(map(self._is_slow, (*self._holding, *self._waiting)))

    def _lend_on(self) -> None:
        while self._waiting and self._free and (following := self._following(self._waiting)) is not None:
            self._lend(following)
            self._wake(following)

    def _is_quiet(self) -> bool:
        """Tell whether everybody may have a place, so that nobody need be looked at."""
        return len(self._free) > 1 and self.pace.knows_none

    def _lend(self, turn: Turn) -> BaseDatabaseWrapper:
        # The latest: on a quiet server one connection then does nearly everything, and knows its statements.
        turn.place = self._free.pop()
        turn.since = time.monotonic()
        self._holding.append(turn)
        return turn.place

    def _following(self, turns: Iterable[Turn]) -> Turn | None:
        """Return whose turn it is of some, None where none of them may have a place that is free."""
        is_last = len(self._free) == 1
        has = Counter(turn.kind[0] for turn in self._holding)
        slow_wait_on = is_last or self._slow_holding() >= max(self.number - 1, 1)
        return min(
            (
                turn
                for turn in turns
                if not (is_last and has[turn.kind[0]]) and not (slow_wait_on and self._is_slow(turn))
            ),
            key=lambda turn: (has[turn.kind[0]], turn.arrived),
            default=None,
        )

    def _slow_holding(self) -> int:
        since = time.monotonic() - SLOW_SECONDS
        return sum(turn.since < since or self._is_slow(turn) for turn in self._holding)

    def _is_slow(self, turn: Turn) -> bool:
        return not self.pace.knows_none and self.pace.is_slow(turn.kind)

    def _turn_away(self) -> None:
        """Wake those who wait behind too many slow ones, without a place: also where they were not known as such when they came."""
        found: Counter[object] = Counter()
        for turn in [each for each in self._waiting if self._is_slow(each)]:
            organization = turn.kind[0]
            is_much = found.total() >= ALL_SLOW_WAITING_MAX or found[organization] >= SLOW_WAITING_MAX
            if is_much and not turn.is_begun:
                self._wake(turn)
            else:
                found[organization] += 1

    def _wake(self, turn: Turn) -> None:
        self._waiting.remove(turn)
        assert turn.woken is not None  # noqa: S101 - it waits
        turn.woken.release()
