"""References between the operations of a Bulk request, "bulkId:…" (RFC 7644 §3.7.2). Pure.

One is a value, or the end of one (`../Users/bulkId:u`), or stands in quotes in the path of a PATCH: `members[value eq "bulkId:u"]`.
"""

import re
from typing import Any

_REFERENCE = re.compile(r"(?:.*/)?bulkId:([^/]+)", re.DOTALL | re.IGNORECASE)
_IN_A_PATH = re.compile(r'(?<=")bulkId:([^"]+)(?=")', re.IGNORECASE)


def named(value: Any) -> set[str]:
    """Return the bulkIds that the value refers to, however deep."""
    if isinstance(value, str):
        found = _REFERENCE.fullmatch(value)
        return {found[1]} if found else set()
    if isinstance(value, dict):
        inside = _IN_A_PATH.findall(path) if isinstance(path := value.get("path"), str) else ()
        return {*inside, *(name for held in value.values() for name in named(held))}
    if isinstance(value, list):
        return {name for held in value for name in named(held)}
    return set()


def resolved(value: Any, ids: dict[str, str]) -> Any:
    """Return the value with the references to `ids` replaced by the ids themselves."""
    if isinstance(value, str):
        found = _REFERENCE.fullmatch(value)
        return (
            value[: found.start(1) - len("bulkId:")] + ids[found[1]] if found and found[1] in ids else value
        )
    if isinstance(value, dict):
        inside = {name: resolved(held, ids) for name, held in value.items()}
        if isinstance(path := inside.get("path"), str):
            inside["path"] = _IN_A_PATH.sub(lambda each: ids.get(each[1], each[0]), path)
        return inside
    if isinstance(value, list):
        return [resolved(held, ids) for held in value]
    return value


def without(value: Any, ids: set[str]) -> Any:
    """Return the value without what refers to one of `ids`: elements of lists, and members of objects."""
    if isinstance(value, dict):
        return {name: without(held, ids) for name, held in value.items() if not _is_one(held, ids)}
    if isinstance(value, list):
        return [without(held, ids) for held in value if not _is_one(held, ids) and not _holds_one(held, ids)]
    return value


def _is_one(value: Any, ids: set[str]) -> bool:
    return isinstance(value, str) and bool(named(value) & ids)


def _holds_one(value: Any, ids: set[str]) -> bool:
    return isinstance(value, dict) and any(_is_one(held, ids) for held in value.values())
