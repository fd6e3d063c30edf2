"""In which order a list comes, and where a page goes on: sortBy, and the cursors of RFC 9865, by key and not by number.

A cursor names the last result that was shown, so that nobody is lost or shown twice while others come and go, and the
thousandth page costs what the first does.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from scim.errors import Code, ScimError
from scim.filter.grammar import attribute_path
from scim.filter.vocabulary import Column, Vocabulary

_TYPES = {
    "text": "text",
    "key": "text",
    "uuid": "uuid",
    "boolean": "boolean",
    "time": "timestamptz",
    "own_time": "timestamptz",
    "number": "numeric",
}
# Nobody is without such a value.
_OF_EVERYBODY = frozenset({"key", "own_time"})
# Of the longest sorted text (scim.coercion.TEXT_CHARACTERS_MAX), each character written as six in JSON, in base64; and the rest.
_CURSOR_CHARACTERS_MAX = 8 * 4096 + 1024
_PARTS = 5
_TOTAL_MAX = 2**40


@dataclass(frozen=True, slots=True)
class Key:
    """The place of one result in its order: its sorted value as text (None: it has none, or nothing is sorted by) and its id."""

    value: str | None
    id: UUID


@dataclass(frozen=True, slots=True)
class Order:
    """An order: by `column` if there is one, then by `last`, the id, which is also the order of creation.

    `within` is the same for every row: it tells the planner which index has the rows of one owner side by side.
    """

    column: Column | None
    last: str
    descending: bool = False
    within: str = ""

    @property
    def sql(self) -> str:
        """What stands behind ORDER BY. Who has no value comes last, first when descending (RFC 7644 §3.4.2.3), as PostgreSQL does it."""
        direction = " DESC" if self.descending else ""
        before = self.column.sql if self.column is not None else self.within
        first = f"{before}{direction}, " if before else ""
        return f"{first}{self.last}{direction}"

    @property
    def value(self) -> str:
        """The sorted value, as text, to be selected beside the row: it is half of the key."""
        return f"({self.column.sql})::text" if self.column is not None else "NULL::text"

    def after(self, key: Key) -> tuple[str, list[Any]]:
        """Return the condition that a result comes after `key`, and its parameters."""
        than = "<" if self.descending else ">"
        if self.column is None:
            return f"{self.last} {than} %s", [key.id]
        sql = self.column.sql
        if key.value is None:
            rest = f" OR {sql} IS NOT NULL" if self.descending else ""
            return f"(({sql} IS NULL AND {self.last} {than} %s){rest})", [key.id]
        given = f"%s::{_TYPES[self.column.held]}"
        if self.column.held in _OF_EVERYBODY:
            # An index can begin there.
            return f"{sql} {than}= {given} AND ({sql} {than} {given} OR {self.last} {than} %s)", [
                key.value,
                key.value,
                key.id,
            ]
        rest = "" if self.descending else f" OR {sql} IS NULL"
        condition = f"({sql} {than} {given} OR ({sql} = {given} AND {self.last} {than} %s){rest})"
        return condition, [key.value, key.value, key.id]


def order(words: Vocabulary, last: str, sort_by: str, *, descending: bool, within: str = "") -> Order:
    """Return the order that was asked for. ScimError sort_unknown.

    Texts are compared without case unless the schema says that case counts.
    """
    if not sort_by:
        return Order(None, last, descending, within)
    path = attribute_path(sort_by)
    place = words.kind.find_anywhere(path) if path is not None else None
    if place is None or place.attribute is None or place.attribute.name == "schemas" or words.rows_of(place):
        raise ScimError(Code.SORT_UNKNOWN, path=sort_by)
    if place.sub is None and place.attribute.type == "complex":
        place = place._replace(sub=place.attribute.sub("value") or place.attribute.sub("formatted"))
    is_list = place.sub is not None and place.sub.is_plain_list
    if is_list or place.leaf is None or place.leaf.type == "complex" or place.leaf.is_hidden:
        raise ScimError(Code.SORT_UNKNOWN, path=sort_by)
    column = words.column(place).typed(place.leaf)
    if column.held == "text":
        folded = column.sql if place.leaf.case_exact else f"lower({column.sql})"
        # COLLATE binds more closely than || and ->>.
        column = Column(f'(({folded}) COLLATE "C")')
    return Order(column, last, descending)


def written(key: Key, question: str, total: int | None, whose: UUID | None = None) -> str:
    """Return the cursor that stands for a key; `question` is what was asked, since it means nothing to another question.

    `total` is what the first page told, for the next ones to repeat; `whose` is the directory that it told so (`check_owner`).
    """
    parts = [digest(question), key.value, str(key.id), total, digest(str(whose)) if whose else ""]
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def read(cursor: str, question: str) -> tuple[Key, int | None]:
    """Return the key that a cursor of ours stands for, and the total. ScimError cursor_wrong."""
    asked, value, last, total, _ = _parts(cursor)
    try:
        key = Key(value, UUID(last))
    except (ValueError, TypeError, AttributeError):
        raise ScimError(Code.CURSOR_WRONG) from None
    is_value = value is None or (isinstance(value, str) and "\0" not in value)
    is_total = total is None or (type(total) is int and 0 <= total <= _TOTAL_MAX)
    if not is_value or not is_total or asked != digest(question):
        raise ScimError(Code.CURSOR_WRONG)
    return key, total


def check_owner(cursor: str | None, whose: UUID) -> None:
    """Refuse another directory's cursor: it would tell that one's total, and may lead past everybody. ScimError cursor_wrong.

    Apart from `read`, since what a cursor leads to is asked before anybody knows who asks.
    """
    if cursor and _parts(cursor)[4] != digest(str(whose)):
        raise ScimError(Code.CURSOR_WRONG)


def _parts(cursor: str) -> list[Any]:
    try:
        padded = cursor[:_CURSOR_CHARACTERS_MAX] + "=" * (-len(cursor) % 4)
        found = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise ScimError(Code.CURSOR_WRONG) from None
    if not isinstance(found, list) or len(found) != _PARTS:
        raise ScimError(Code.CURSOR_WRONG)
    return found


def digest(question: str) -> str:
    """Return a short name of a question."""
    return hashlib.sha256(question.encode()).hexdigest()[:16]
