"""What somebody was shown, as a short text that their form carries: whoever replaces a whole set is told if it is another one by now.

Of two administrators who edit one member at once, the second would take away unseen what the first has just given.
"""

import hashlib
from collections.abc import Iterable

from identity.errors import Conflict


def stamp(held: Iterable[object]) -> str:
    """Return the text for what is held, told by ids or values, in whatever order."""
    return hashlib.sha256("\n".join(sorted(map(str, held))).encode()).hexdigest()[:32]


def refuse_other(seen: str, held: Iterable[object]) -> None:
    """Raise Conflict where something else is held than what was seen; who has seen nothing (an empty text) is not asked."""
    if seen and seen != stamp(held):
        raise Conflict(
            "Somebody has changed this while you had it before you. Look at what stands now, and choose again."
        )
