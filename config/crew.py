"""How many threads of a web process are at work: one as long as it is quick, and others while that one waits for something.

granian makes threads as requests come faster than they are answered, and hands each request to any of them. Python runs one at a time;
several that are quick spend a fifth of the processor on handing its lock and the caches to each other. So a thread that is one too many
is held back once it has answered, and let go when it is needed. Why: docs/decisions/one-thread-at-work.md.

Beside the one at work a thread is wanted (`Crew.spare`) for each that

- waits for PostgreSQL for longer than a moment, or is about no request of a machine: `away` (`waits`, `at_work`)
- waits for a body, the disk, or a lot that another one carries out: `resting` (`rests`), and for a while as many as rested at once
- waits for a client for long, or is known as slow: `slow`, by the next look
- has had its place for long: `long`, by the next look, as many as there are places
"""

import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Final

from config.gate import Gate
from identity.postgresql import flush

# So long nobody may be let in while every thread waits for a client; it takes an honest one some milliseconds to send a body.
LOOK_SECONDS: Final = 0.05
# Whatever was miscounted, a thread that is held back takes its turn again after this.
HELD_SECONDS: Final = 30.0
# For so long as many threads are kept at hand as rested at once: requests that gather in lots go on doing so.
MEMORY_SECONDS: Final = 2.0
# A PostgreSQL that takes longer for the quickest statement is far: whoever waits for it leaves time for others.
NEAR_SECONDS: Final = 0.0003


class _Known:
    """Lives as long as its thread."""


class Crew:
    """The threads of granian that have come here. As many of them as there are `places` are at work at most, and mostly one."""

    def __init__(self, gate: Gate, places: int) -> None:
        self.gate = gate
        self.places = places
        self.known = 0
        self.held = 0
        # How many wait for a client, and not just for what is on its way; or take long for another reason, or wait behind such.
        self.slow = 0
        # How many have had their place for longer than from one look to the next.
        self.long = 0
        # How many wait for PostgreSQL for longer than a moment, or are about something that is no request of a machine.
        self.away = 0
        # How many wait for a body, for the disk, or for a lot that another one carries out; and how many at once did so lately.
        self.resting = 0
        self._most, self._most_before, self._most_since = 0, 0, 0.0
        self._lock = threading.Lock()
        self._calls: SimpleQueue[None] = SimpleQueue()
        self._mine = threading.local()
        gate.rests = self.rests
        flush.while_waiting(self.waits)

    @contextmanager
    def at_work(self, *, quick: bool) -> Iterator[None]:
        """Have the thread do its request, and hold it back afterwards while it is one too many."""
        if not hasattr(self._mine, "known"):
            self._enter()
        if quick:
            yield
        else:
            with self._away():
                yield
        self._hold_back()

    @contextmanager
    def rests(self) -> Iterator[None]:
        """Let others work while the thread waits for a body, the disk or another thread: as many are kept at hand for that for a while."""
        with self._lock:
            self.resting += 1
            self._most = max(self._most, self.resting)
            self._call()
        try:
            yield
        finally:
            with self._lock:
                self.resting -= 1

    @contextmanager
    def waits(self, *, for_the_disk: bool) -> Iterator[None]:
        """Let others work while the thread waits for PostgreSQL."""
        if getattr(self._mine, "is_away", True):
            yield
            return
        with self.rests() if for_the_disk else self._away():
            yield

    @contextmanager
    def _away(self) -> Iterator[None]:
        self._mine.is_away = True
        with self._lock:
            self.away += 1
            self._call()
        try:
            yield
        finally:
            self._mine.is_away = False
            with self._lock:
                self.away -= 1

    def _enter(self) -> None:
        self._mine.known, self._mine.is_away = _Known(), False
        weakref.finalize(self._mine.known, self._count, -1)
        self._count(1)
        if self.known == 1:
            threading.Thread(target=self._watch, name="crew", daemon=True).start()

    def _count(self, difference: int) -> None:
        with self._lock:
            self.known += difference

    def _hold_back(self) -> None:
        if self.spare() <= 0:
            return
        with self._lock:
            if self.spare() <= 0:
                return
            self.held += 1
        try:
            self._calls.get(timeout=HELD_SECONDS)
        except Empty:
            pass
        finally:
            with self._lock:
                self.held -= 1

    def spare(self) -> int:
        """Return how many more are not held back than are wanted; negative where some are lacking."""
        is_near = flush.Channel.nearest_seconds < NEAR_SECONDS
        wanted = 1 + min(self.long, self.places - 1) if is_near else self.places
        wanted += self.slow + self.away + max(self._most, self._most_before)
        return self.known - self.held - wanted

    def _call(self) -> None:
        """Let as many go as are lacking."""
        for _ in range(min(-self.spare(), self.held) - self._calls.qsize()):
            self._calls.put(None)

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Learn who takes long, and let those go who are lacking."""
        self.slow = self.gate.clients.longer_than(LOOK_SECONDS) + self.gate.places.stuck()
        self.long = self.gate.places.longer_than(LOOK_SECONDS)
        with self._lock:
            if time.monotonic() - self._most_since > MEMORY_SECONDS:
                self._most_before, self._most = self._most, self.resting
                self._most_since = time.monotonic()
            self._call()
