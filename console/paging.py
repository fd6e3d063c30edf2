"""Paging by key: a page is what comes after the last row seen, however long the list and whatever is added meanwhile."""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from django.db.models import QuerySet
from django.http import QueryDict

PAGE_ROWS: Final = 50
_CURSOR_LENGTH_MAX: Final = 4000
_SEARCH_LENGTH_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page, and the query strings of the next one (empty at the end) and of the first. `begun`: this is a later page."""

    rows: list[Any]
    following: str
    first: str
    begun: bool


def cut(query: QueryDict, found: list[Any], key: Callable[[Any], tuple[Any, ...]], *, begun: bool) -> Page:
    """Make a page of up to PAGE_ROWS + 1 rows read; the one too many tells that there is more. `key` gives a row's cursor."""
    first = query.copy()
    first.pop("after", None)
    following = ""
    if len(found) > PAGE_ROWS:
        following_query = first.copy()
        following_query["after"] = encode(*key(found[PAGE_ROWS - 1]))
        following = following_query.urlencode()
    return Page(found[:PAGE_ROWS], following, first.urlencode(), begun)


class Shortened(list[Any]):
    """The first rows of what may be more, and how many there are, or that there are `more` than so many: a page says so (left_out.html)."""

    def __init__(self, rows: Iterable[Any], total: int, *, more: bool = False) -> None:
        super().__init__(rows)
        self.total = total
        self.more = more

    @property
    def is_part(self) -> bool:
        """Tell whether something is left out."""
        return self.total > len(self)


def shorten(rows: "QuerySet[Any] | list[Any]", most: int) -> Shortened:
    """Return the first `most` rows; only where there are more they are counted."""
    if isinstance(rows, list):
        return Shortened(rows[:most], len(rows))
    found = list(rows[: most + 1])
    return Shortened(found[:most], rows.count() if len(found) > most else len(found))


def part(query: QueryDict, rows: list[Any], following: Any, *, begun: bool) -> Page:
    """Make a page of rows behind which `following` leads on: what the next page begins behind, one value or several; None at the end."""
    first = query.copy()
    first.pop("after", None)
    later = first.copy()
    parts = following if isinstance(following, tuple) else (following,)
    later["after"] = "" if following is None else encode(*parts)
    return Page(rows, "" if following is None else later.urlencode(), first.urlencode(), begun)


def encode(*parts: Any) -> str:
    """Write the key of the last row as a cursor."""
    return base64.urlsafe_b64encode(orjson.dumps([str(part) for part in parts])).decode().rstrip("=")


def decode(cursor: str, parts: int) -> list[str] | None:
    """Read a cursor of that many parts; None for none, or for one that we never wrote."""
    if not cursor or len(cursor) > _CURSOR_LENGTH_MAX:
        return None
    try:
        value = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        return None
    if not isinstance(value, list) or len(value) != parts:
        return None
    # PostgreSQL takes no NUL for a text, and orjson no half of a surrogate pair.
    return value if all(isinstance(part, str) and "\0" not in part for part in value) else None


def searched(query: QueryDict) -> str:
    """Return what a list is searched for; PostgreSQL takes no NUL for a text."""
    return query.get("q", "").strip()[:_SEARCH_LENGTH_MAX].replace("\0", "")


def is_uuid(text: str) -> bool:
    """Tell whether a text from outside can be looked up as an id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
