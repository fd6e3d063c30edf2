"""Knows which requests hold a place for long: a filter that reads through a large directory, a jump, an export, a wait for somebody's rows.

Nobody can tell beforehand what a filter costs, but what it cost a moment ago: the same one, of the same organization, with other values.
"""

import re
from typing import Any, Final

# Whoever holds a place for longer is slow; a usual request takes some milliseconds, and many times that where the processor is short.
SLOW_SECONDS: Final = 0.5
# A latest one counts for so much of what is expected of the next: one that was late once is not slow, one that took two seconds is.
_SHARE: Final = 0.25
# Nor is more to be forgotten than so much, by some quick ones in between.
_COUNTED_SECONDS_MAX: Final = 4.0
# Of the kinds that were slow; beyond that they are learned anew.
_KINDS_MAX: Final = 1000
_CHARACTERS_MAX: Final = 500
_IDS: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}")
_VALUES: Final = re.compile(r'(?:%22|").*?(?:%22|"|$)')
# Rows that are skipped cost what their number has of digits.
_NUMBERS: Final = re.compile(r"\d+")

# Of an organization, method, path and query without their values.
Kind = tuple[object, str, str, str]


def kind_of(environ: dict[str, Any], organization: object) -> Kind:
    """Return what a request has in common with those that take as long."""
    path = _IDS.sub("*", environ.get("PATH_INFO", "")[:_CHARACTERS_MAX])
    query = _VALUES.sub("*", environ.get("QUERY_STRING", "")[:_CHARACTERS_MAX])
    query = _NUMBERS.sub(lambda found: str(len(found[0])), query)
    return organization, environ.get("REQUEST_METHOD", ""), path, query


class Pace:
    """What this process has seen lately. Its users see to it that one of them at a time asks or tells."""

    def __init__(self) -> None:
        self._expected: dict[Kind, float] = {}

    @property
    def knows_none(self) -> bool:
        """Whether no kind is slow, so that nobody's need be looked at."""
        return not self._expected

    def is_slow(self, kind: Kind) -> bool:
        """Tell whether the next request of a kind is to be expected to be slow."""
        return self._expected.get(kind, 0.0) > SLOW_SECONDS

    def held(self, kind: Kind, seconds: float) -> None:
        """Learn how long a place was held."""
        counted = min(seconds, _COUNTED_SECONDS_MAX)
        before = self._expected.get(kind, 0.0)
        expected = before + (counted - before) * _SHARE
        if seconds <= SLOW_SECONDS and expected <= SLOW_SECONDS * _SHARE:
            self._expected.pop(kind, None)
            return
        if len(self._expected) >= _KINDS_MAX:
            self._expected.clear()
        self._expected[kind] = expected

    def holds(self, kind: Kind, seconds: float) -> None:
        """Learn that a place is held for so long already, which may be told again and again."""
        counted = min(seconds, _COUNTED_SECONDS_MAX) * _SHARE
        if counted > self._expected.get(kind, 0.0):
            self._expected[kind] = counted
