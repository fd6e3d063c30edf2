"""What a client asks of a list, by query or by POST to /.search (RFC 7644 §3.4.2, §3.4.3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scim import projection, protocol
from scim.errors import Code, ScimError
from scim.filter import grammar
from scim.filter.ast import Filter

COUNT_DEFAULT = 100
COUNT_MAX = 500
START_MAX = 2**40
_ORDERS = frozenset({"ascending", "descending"})
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,1000}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wish:
    """One list, as it was asked for. `start` counts from 1; `cursor` is None where pages are counted, "" for the first by cursor.

    Two are equal by the text of the filter: of its tree, Python takes 1 for true.
    """

    filter: str
    tree: Filter | None = field(compare=False)
    start: int
    count: int
    sort_by: str
    descending: bool
    attributes: str
    excluded: str
    cursor: str | None = None

    @property
    def shown_start(self) -> int | None:
        """What the answer says of startIndex: nothing where a cursor leads."""
        return self.start if self.cursor is None else None


def from_query(query: Mapping[str, Any]) -> Wish:
    """Read the query of a GET. ScimError parameter_wrong, count_wrong, cursor_wrong, and those of the filter."""
    asked = {name.lower(): str(value) for name, value in query.items()}
    return _wish(asked, asked.get("attributes", ""), asked.get("excludedattributes", ""))


def from_body(body: Mapping[str, Any]) -> Wish:
    """Read the body of a SearchRequest, whose lists are JSON lists. ScimError as above, and named_twice."""
    asked = protocol.named_once(body)
    return _wish(asked, _names(asked, "attributes"), _names(asked, "excludedAttributes"))


def _wish(asked: dict[str, Any], attributes: str, excluded: str) -> Wish:
    written = asked.get("filter")
    if written is not None and not isinstance(written, str):
        raise ScimError(Code.PARAMETER_WRONG, name="filter", expected="text")
    order = asked.get("sortorder") or "ascending"
    if not isinstance(order, str) or order.lower() not in _ORDERS:
        raise ScimError(Code.PARAMETER_WRONG, name="sortOrder", expected="ascending or descending")
    sort_by = asked.get("sortby")
    if not isinstance(sort_by, str | None):
        raise ScimError(Code.PARAMETER_WRONG, name="sortBy", expected="an attribute")
    cursor = asked.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise ScimError(Code.CURSOR_WRONG)
    return Wish(
        filter=written or "",
        tree=grammar.parse(written) if written and written.strip() else None,
        # "A value less than 1 SHALL be interpreted as 1", "a negative value as 0" (RFC 7644 §3.4.2.4).
        start=min(max(_number(asked, "startIndex", 1), 1), START_MAX),
        count=min(max(_number(asked, "count", COUNT_DEFAULT), 0), COUNT_MAX),
        sort_by=sort_by or "",
        descending=order.lower() == "descending",
        attributes=attributes,
        excluded=excluded,
        cursor=cursor,
    )


def _number(asked: dict[str, Any], name: str, default: int) -> int:
    value = asked.get(name.lower())
    if value is None or value == "":
        return default
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if not _WHOLE_NUMBER.fullmatch(text):
        if name == "count":
            raise ScimError(Code.COUNT_WRONG)  # RFC 9865 has a scimType for it
        raise ScimError(Code.PARAMETER_WRONG, name=name, expected="a whole number")
    # However large it is, the callers bring it down to what they allow.
    return int(text)


def _names(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name.lower()) or []
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise ScimError(Code.PARAMETER_WRONG, name=name, expected="a list of attributes")
    written = ",".join(listed)
    projection.check(name, written)
    return written
