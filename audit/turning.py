"""Characters that nobody sees and that turn around the words after them, or make two names look alike.

Whoever names a person, a group or a device can write them, so they are kept as they came (SCIM answers with what it was told) and are
dealt with where texts are put together: pages show them (`console.turned`), letters and CSV leave them out.
Why: docs/decisions/turned-names.md.
"""

import re
from typing import Final

# Embeddings, overrides and isolates of the Unicode Bidirectional Algorithm (UAX #9): each holds until another one ends it.
TURNING: Final = {
    "\u202a": "left-to-right embedding",
    "\u202b": "right-to-left embedding",
    "\u202c": "end of an embedding or override",
    "\u202d": "left-to-right override",
    "\u202e": "right-to-left override",
    "\u2066": "left-to-right isolate",
    "\u2067": "right-to-left isolate",
    "\u2068": "first-strong isolate",
    "\u2069": "end of an isolate",
}
_TURNING: Final = re.compile(f"[{''.join(TURNING)}]")


def without_turning(text: str) -> str:
    """Return the text without the characters that turn others around. Joiners and direction marks stay: scripts need them."""
    return _TURNING.sub("", text)
