"""Keeps as many of granian's threads at work as there are places, and the rest aside until some of those wait for slow clients.

granian makes threads as requests come faster than they are answered, and hands each request to any of them. With more at work than can
work at once, Python spends a tenth of the processor on passing its lock around. So a thread that is one too many is held back once it has
answered, and let go when it is needed; one without a request is at no work. For that we must answer before we return: granian's
wrapper of WSGI applications is replaced by one that does, and is as short.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, Final

from granian.server import mp
from granian.wsgi import Response, ResponseIterWrap

from config.gate import Gate, Pieces

# So long nobody may be let in while every thread waits for a client; it takes an honest one some milliseconds to send a body.
LOOK_SECONDS: Final = 0.05
# Whatever was miscounted, a thread that is held back takes its turn again after this.
HELD_SECONDS: Final = 30.0

_Run = Callable[[Any, dict[str, Any]], None]


class Crew:
    """The threads of granian that have come here with a request. `places` of them are to be at work."""

    def __init__(self, gate: Gate, places: int) -> None:
        self.gate = gate
        self.places = places
        # Which threads have not gone back to granian; of these so many are held back.
        self.here: set[int] = set()
        self.held = 0
        # How many wait for a client, and not just for what is on its way; or take long for another reason, or wait behind such.
        self.slow = 0
        # How many wait for a lot that another one carries out; their places are lent.
        self.resting = 0
        self._lock = threading.Lock()
        self._calls: SimpleQueue[None] = SimpleQueue()
        self._is_watched = False
        gate.rests = self.rests

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Have the thread do its request, and hold it back afterwards while it is one too many."""
        if not self._is_watched:
            self._is_watched = True
            threading.Thread(target=self._look, name="crew", daemon=True).start()
        this = threading.get_ident()
        self.here.add(this)
        try:
            yield
            self._hold_back()
        finally:
            self.here.discard(this)

    def _hold_back(self) -> None:
        if self._at_work() <= self.places:
            return
        with self._lock:
            if self._at_work() <= self.places:
                return
            self.held += 1
        try:
            self._calls.get(timeout=HELD_SECONDS)
        except Empty:
            pass
        finally:
            with self._lock:
                self.held -= 1

    def rests(self, difference: int) -> None:
        """Count a thread that begins (1) or ends (-1) to rest; where one is held back, it takes the turn of who begins."""
        with self._lock:
            self.resting += difference
        if difference > 0 and self.held:
            self._calls.put(None)

    def _at_work(self) -> int:
        return len(self.here) - self.held - self.slow - self.resting

    def _look(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self.slow = self.gate.clients.longer_than(LOOK_SECONDS) + self.gate.places.stuck()
            lacking = min(self.places - self._at_work() - self._calls.qsize(), self.held)
            for _ in range(lacking):
                self._calls.put(None)


def install() -> None:
    """Have the granian of this process call us; it loads the application before it asks for the wrapper."""
    if not callable(mp._wsgi_call_wrap):  # noqa: SLF001 - there is no public place for it; without it the start fails here
        raise TypeError("This granian wraps WSGI applications in another way.")
    mp._wsgi_call_wrap = wrapped  # type: ignore[assignment]  # noqa: SLF001


def wrapped(gate: Gate, _options: dict[str, Any], _access_log: str | None = None) -> _Run:
    """Return what granian calls with each request: its protocol object and what it knows of the request."""
    every: dict[str, Any] = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SCRIPT_NAME": "",
        "SERVER_SOFTWARE": "Granian",
        "wsgi.errors": sys.stderr,
        "wsgi.input_terminated": True,
        "wsgi.multiprocess": False,
        "wsgi.multithread": True,
        "wsgi.run_once": False,
        "wsgi.version": (1, 0),
    }
    crew = Crew(gate, gate.places.number)

    def run(protocol: Any, scope: dict[str, Any]) -> None:
        with crew.at_work():
            told = Response()  # type: ignore[no-untyped-call]  # granian's own have no types
            answer = gate(every | scope, told)
            if isinstance(answer, Pieces):
                protocol.response_iter(told.status, told.headers, ResponseIterWrap(answer))  # type: ignore[no-untyped-call]
            else:
                protocol.response_bytes(told.status, told.headers, b"".join(answer))

    return run
