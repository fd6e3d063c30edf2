"""Time-ordered keys: UUID version 7."""

import os
import threading
import time
import uuid
from datetime import datetime, timedelta

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM = (1 << 62) - 1
_lock = threading.Lock()
_last_tick = 0


def uuid7() -> uuid.UUID:
    """Return a UUID of 48 bits of Unix milliseconds, 12 bits of their fraction and 62 random bits (RFC 9562, 5.7 and 6.2 method 3).

    Each key of a process is greater than the one before: new rows lie side by side in every index, and the entries of one verb keep their
    order. Between processes the order is only as good as their clocks, so nothing may rely on it (readers page the record by `seq`).
    """
    return uuid7s(1)[0]


def earliest(moment: datetime, *, apart: timedelta) -> uuid.UUID:
    """Return a UUID that is no greater than any made so long after this time, or later. Before 1970 none was made."""
    milliseconds = int((moment.timestamp() + apart.total_seconds()) * 1000)
    return uuid.UUID(int=max(milliseconds, 0) << 80)


def uuid7s(count: int) -> list[uuid.UUID]:
    """Return so many of them, growing, by one call of the system: a batch of rows wants thousands."""
    global _last_tick  # noqa: PLW0603 - the clock of the process: two keys in one tick must still grow
    now = time.time_ns() * 4096 // 1_000_000
    with _lock:
        first = max(now, _last_tick + 1)
        _last_tick = first + count - 1
    random = os.urandom(8 * count)
    made = []
    for place in range(count):
        milliseconds, fraction = divmod(first + place, 4096)
        bits = int.from_bytes(random[8 * place : 8 * place + 8], "big") & _RANDOM
        made.append(
            uuid.UUID(int=(milliseconds & (1 << 48) - 1) << 80 | _VERSION | fraction << 64 | _VARIANT | bits)
        )
    return made
