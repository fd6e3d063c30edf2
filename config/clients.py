"""Who keeps a thread waiting for a client: how many at once and how long, and what ends those who are too slow.

granian reads a body when the application asks for it, and waits for the client without limit. So each process has spare threads for
waiting (`THREADS`), and one address may hold half of them. A client that overstays loses its connection: that wakes the thread which
waits for it, and sets it free.
Why: docs/decisions/slow-clients.md.
"""

import os
import resource
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog

THREADS: Final = 128
DESCRIPTORS: Final = 16_384  # more than the connections of config/start.py
WAITING_MAX: Final = THREADS - 16
OF_ADDRESS_MAX: Final = THREADS // 2
SECONDS_MAX: Final = 30.0
# When the threads run short, whoever has not sent a body within this goes first: it takes an honest client some milliseconds.
HURRIED_SECONDS: Final = 3.0
HURRIED_FROM: Final = THREADS // 4
# Larger bodies are read few at a time, so that half-sent ones don't fill the memory.
LARGE_BYTES: Final = 256 * 1024
LARGE_AT_ONCE_BYTES: Final = 192 * 1024 * 1024
_LOOK_SECONDS: Final = 1.0
# struct tcp_info of Linux: the milliseconds since we last sent anything, behind eight bytes and nine numbers.
_LAST_SENT: Final = struct.Struct("44xI")
_DESCRIPTORS: Final = Path("/proc/self/fd")

# The address of clients, our port that they came to, and seconds.
Late = dict[tuple[str, int], float]

log = structlog.get_logger("rollcall.clients")


def take_descriptors() -> None:
    """Let this process open as many files as the system allows, so that it can hold the connections that it takes; 1,024 is usual."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class TooManyError(Exception):
    """So much is waited for already that this client is not."""


class Wait:
    """One thread that waits for a client of the address, at our port; `since` is when it began, or last heard of it."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.since = time.monotonic()

    def heard(self) -> None:
        """Note that the client does its part."""
        self.since = time.monotonic()


class Clients:
    """The clients that this process waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waits: set[Wait] = set()
        self._of: Counter[str] = Counter()
        self._large_bytes = 0
        self._watch: threading.Thread | None = None

    def longer_than(self, seconds: float) -> int:
        """Return how many are waited for since so many seconds."""
        if not self._waits:
            return 0
        with self._lock:
            return sum(time.monotonic() - wait.since > seconds for wait in self._waits)

    def wait(self, address: str, port: int) -> Wait:
        """Begin to wait for a client; `done` ends it. Raises TooManyError."""
        wait = Wait(address, port)
        with self._lock:
            if len(self._waits) >= WAITING_MAX or self._of[address] >= OF_ADDRESS_MAX:
                raise TooManyError
            self._waits.add(wait)
            self._of[address] += 1
            if self._watch is None:
                self._watch = threading.Thread(target=self._look, name="slow-clients", daemon=True)
                self._watch.start()
        return wait

    def done(self, wait: Wait) -> None:
        """Wait no longer; said twice, it counts once."""
        with self._lock:
            if wait in self._waits:
                self._waits.remove(wait)
                self._of[wait.address] -= 1
                if not self._of[wait.address]:
                    del self._of[wait.address]

    @contextmanager
    def large(self, size: int) -> Iterator[None]:
        """Hold memory for a body of that size within the block; what is small counts for nothing. Raises TooManyError."""
        counted = size if size > LARGE_BYTES else 0
        with self._lock:
            if self._large_bytes + counted > LARGE_AT_ONCE_BYTES:
                raise TooManyError
            self._large_bytes += counted
        try:
            yield
        finally:
            with self._lock:
                self._large_bytes -= counted

    def overdue(self) -> Late:
        """Return whose clients are over their time, and since how many seconds nothing may have been sent to them."""
        with self._lock:
            waits = [((wait.address, wait.port), wait.since) for wait in self._waits]
        limit = HURRIED_SECONDS if len(waits) >= HURRIED_FROM else SECONDS_MAX
        now = time.monotonic()
        return {whose: limit for whose, since in waits if now - since > limit}

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            if (late := self.overdue()) and (ended := cut_off(late)):
                log.warning("slow_clients_cut_off", connections=ended)


def cut_off(late: Late) -> int:
    """End the connections of late clients on which we have sent nothing for so many seconds; return how many there were.

    WSGI does not say which connection a request came by. But a connection is among these if we wait for its request, or if its client
    reads nothing of our answer. Only Linux tells that much; elsewhere none is cut off, and only their number is limited.
    """
    if not hasattr(socket, "TCP_INFO"):
        return 0
    return sum(_ended(int(each.name), late) for each in _DESCRIPTORS.iterdir())


def _ended(descriptor: int, late: Late) -> bool:
    try:
        # A copy: whatever the number means by now, what is looked at is what is ended.
        copy = os.dup(descriptor)
    except OSError:  # gone
        return False
    try:
        found = socket.socket(fileno=copy)
    except OSError:  # no socket
        os.close(copy)
        return False
    with found:
        try:
            if not _is_late(found, late):
                return False
            found.shutdown(socket.SHUT_RDWR)
        except OSError:  # not connected, or no longer
            return False
        return True


def _is_late(found: socket.socket, late: Late) -> bool:
    # Our own connections, to PostgreSQL on this very machine, have another port on our side.
    ends: Any = found.getpeername(), found.getsockname()
    if not all(isinstance(end, tuple) for end in ends) or (whose := (ends[0][0], ends[1][1])) not in late:
        return False
    (silent_milliseconds,) = _LAST_SENT.unpack(
        found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_SENT.size)
    )
    return bool(silent_milliseconds >= late[whose] * 1000)
