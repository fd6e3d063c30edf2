"""Time-ordered keys: UUID version 7."""

import os
import threading
import time
import uuid

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_lock = threading.Lock()
_last_tick = 0


def uuid7() -> uuid.UUID:
    """Return a UUID of 48 bits of Unix milliseconds, 12 bits of their fraction and 62 random bits (RFC 9562, 5.7 and 6.2 method 3).

    Keys made one after the other in one process grow, so that rows lie side by side in every index and the entries
    of one verb keep their order. Across processes the order is only as good as the clocks: nothing may rely on it
    (readers page the record by `seq`).
    """
    global _last_tick  # noqa: PLW0603 - the clock of the process: two keys in one tick must still grow
    tick = time.time_ns() * 4096 // 1_000_000
    with _lock:
        tick = max(tick, _last_tick + 1)
        _last_tick = tick
    milliseconds, fraction = divmod(tick, 4096)
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return uuid.UUID(int=(milliseconds & (1 << 48) - 1) << 80 | _VERSION | fraction << 64 | _VARIANT | random)
