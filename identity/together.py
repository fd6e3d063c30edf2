"""Does at once what several threads of a process want in the same moment: one transaction for all, and one wait for the disk.

A small transaction costs several times what is in it. Whoever comes while nobody is at work begins by themselves and at once; whoever comes
meanwhile is gathered, and one of those does the next lot. Nobody waits for others to come, so a single request takes as long as ever.
Why: docs/decisions/arriving-together.md.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

# A lot beyond it is done in several: whoever waits for the last of it should not wait for long.
LOT_MAX: Final = 32
# Whoever would be one more who waits does it alone: of a process's threads some are to be left for other work.
WAITING_MAX: Final = 64

_resting: Callable[[], AbstractContextManager[None]] = nullcontext


def while_resting(give_back: Callable[[], AbstractContextManager[None]]) -> None:
    """Have whoever waits for a lot do so within this: what they hold of the process is lent to others (config.gate)."""
    global _resting  # noqa: PLW0603 - one process has one gate
    _resting = give_back


class ApartError(Exception):
    """Nothing is done, since the lot was refused or too many wait: whoever wants a part of it does that by themselves."""


class _Place(Generic[Item]):
    """One who waits: woken when their part is done or refused, or to do `lot`, in which they are the first."""

    __slots__ = ("error", "item", "lot", "woken")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.lot: list[_Place[Item]] | None = None
        self.error: Exception | None = None
        self.woken = threading.Lock()
        self.woken.acquire()


class Together(Generic[Item]):
    """Gathers what is wanted under the same key and has `do` do it, a lot at a time; lots of different keys go side by side.

    `do` is called in the thread of one of those who want it. It does all that it is given or, raising, nothing. After an error of `unsure`
    nobody knows which of the two: tried again, what was done already would be refused. Whoever's lot has not begun after `patience_seconds`
    is told to go alone.
    """

    def __init__(
        self,
        do: Callable[[Sequence[Item]], None],
        unsure: tuple[type[Exception], ...] = (),
        patience_seconds: float = -1,
    ) -> None:
        self._do = do
        self._unsure = unsure
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        # Of each key that somebody is at work for, who waits meanwhile; and how many wait in all.
        self._waiting: dict[Hashable, list[_Place[Item]]] = {}
        self._number = 0

    def __call__(self, key: Hashable, item: Item) -> None:
        """Return when it is done. Raises what `do` raises for somebody who was alone in the lot; ApartError in company or after long.

        An error of `unsure` is raised for everybody in the lot.
        The caller holds nothing that others wait for, such as an open transaction.
        """
        place = _Place(item)
        with self._lock:
            company = self._waiting.get(key)
            if company is None:
                self._waiting[key] = []
                place.lot = [place]
            elif self._number >= WAITING_MAX:
                raise ApartError
            else:
                company.append(place)
                self._number += 1
        if place.lot is None:
            with _resting():
                self._wait(key, place)
        # A lot kept by one who is in it would wait for the garbage collector.
        lot, place.lot = place.lot, None
        if lot is not None:
            self._lead(key, lot)
        if place.error is not None:
            raise place.error

    def _wait(self, key: Hashable, place: "_Place[Item]") -> None:
        """Wait to be woken. Raises ApartError after the time for which one waits for a lot to begin."""
        if place.woken.acquire(timeout=self._patience_seconds):
            return
        with self._lock:
            waiting = self._waiting.get(key, [])
            if place in waiting:
                waiting.remove(place)
                self._number -= 1
                raise ApartError
        # Their lot has begun.
        place.woken.acquire()

    def _lead(self, key: Hashable, lot: "list[_Place[Item]]") -> None:
        apart = ApartError()
        told: Exception | None = apart
        try:
            self._do([each.item for each in lot])
            told = None
        except Exception as error:
            if len(lot) > 1 and not isinstance(error, self._unsure):
                raise apart from error
            told = error
            raise
        finally:
            self._hand_over(key)
            for each in lot[1:]:
                each.error = told
                each.woken.release()

    def _hand_over(self, key: Hashable) -> None:
        """Let the first of those who have come meanwhile go on."""
        with self._lock:
            waiting = self._waiting[key]
            if not waiting:
                del self._waiting[key]
                return
            lot, self._waiting[key] = waiting[:LOT_MAX], waiting[LOT_MAX:]
            self._number -= len(lot)
        lot[0].lot = lot
        lot[0].woken.release()
