"""Requests of a token that a process may let pass without asking Valkey: taken in advance by one that hurries and is far from its limit.

They are counted in Valkey when they are taken, so all processes together never let more pass than the limit says, and who is near it
takes them one by one. What is taken and not used in time is lost to the token, so it is little: a sixteenth of what is left to it at the
most, and no more than twice of what it has just used up.
Why: docs/decisions/scim-door.md.
"""

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

AT_ONCE_MAX: Final = 32
PART: Final = 16
HURRY_SECONDS: Final = 0.25  # whoever uses up what was taken within that time takes more the next time
KEEP_SECONDS: Final = 2.0
NAMES_MAX: Final = 10_000


@dataclass(slots=True)
class _Taken:
    unused: int = 0
    next: int = 1
    at: float = 0.0
    lock: Lock = field(default_factory=Lock)


_taken: dict[str, _Taken] = {}


def use(name: str) -> int:
    """Use one request that was taken in advance and return 0; where there is none, return how many to take now, this one among them."""
    held = _taken.get(name)
    if held is None:
        return 1
    with held.lock:
        age = time.monotonic() - held.at
        if held.unused and age < KEEP_SECONDS:
            held.unused -= 1
            return 0
        held.unused = 0
        return held.next if age < HURRY_SECONDS else 1


def took(name: str, size: int, left: int) -> None:
    """Note that `size` requests were taken, one of which is used; `left` is how many more the token could send at once."""
    held = _taken.get(name)
    if held is None:
        if len(_taken) >= NAMES_MAX:
            _taken.clear()
        held = _taken.setdefault(name, _Taken())
    with held.lock:
        held.unused += size - 1
        held.next = max(min(size * 2, AT_ONCE_MAX, left // PART), 1)
        held.at = time.monotonic()
