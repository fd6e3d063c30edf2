"""How long a job goes on in one run: as long as there is more than one batch of what is due, and its turn lasts."""

import time
from collections.abc import Callable
from typing import Final

# Whatever is left waits for the next tick, behind nobody.
TURN_SECONDS: Final = 50.0


def in_turn(batch: Callable[[], tuple[int, int]], size: int) -> int:
    """Do `batch` again and again, and return with how many it succeeded; it answers how many it found, `size` at most, and that number.

    It ends with a batch that is not full or comes to nothing (somebody else is at it), and with the turn.
    """
    until, done = time.monotonic() + TURN_SECONDS, 0
    while True:
        found, number = batch()
        done += number
        if found < size or not number or time.monotonic() > until:
            return done
