"""The messages of RFC 7644: reads JSON strictly, writes lists and errors."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

from scim.errors import Code, ScimError

MEDIA_TYPE = "application/scim+json"
LIST_URN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
BODY_BYTES_MAX = 16 * 1024 * 1024
DEPTH_MAX = 24

# Only escapes can bring NUL or half of a surrogate pair into valid UTF-8; where neither is written there is nothing to look for.
_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def read_object(body: bytes) -> dict[str, Any]:
    """Return the one JSON object in the body.

    ScimError body_not_json (also for a name given twice, and for Infinity), body_not_object, body_too_deep, body_character.
    """
    opened = body.count(b"{") + body.count(b"[")
    try:
        value = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except RecursionError:
        raise ScimError(Code.BODY_TOO_DEEP, limit=DEPTH_MAX) from None
    except UnicodeDecodeError:
        raise ScimError(Code.BODY_NOT_JSON, why="it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ScimError(Code.BODY_NOT_JSON, why=f"line {error.lineno}, column {error.colno}") from None
    except ValueError:
        # Python refuses to read a whole number of thousands of digits.
        raise ScimError(Code.BODY_NOT_JSON, why="a number is too long") from None
    if not isinstance(value, dict):
        raise ScimError(Code.BODY_NOT_OBJECT)
    if opened > DEPTH_MAX:
        _check_depth(value)
    if _SUSPICIOUS.search(body):
        _check_characters(value)
    return value


def named_once(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of an object by their names in lower case, for names differ in more than case (RFC 7643 §2.1).

    ScimError named_twice: two readers of {"filter": …, "FILTER": …} would not agree on what was asked.
    """
    found: dict[str, Any] = {}
    for name, value in written.items():
        folded = name.lower()
        if folded in found:
            raise ScimError(Code.NAMED_TWICE, path=name)
        found[folded] = value
    return found


def write(document: Any) -> bytes:
    """Return a document as JSON in UTF-8."""
    return orjson.dumps(document)


def listing(resources: list[Any], total: int | None, start_index: int | None, **more: Any) -> dict[str, Any]:
    """Return a ListResponse (RFC 7644 §3.4.2); what is None is left out."""
    shown: dict[str, Any] = {"schemas": [LIST_URN]}
    if total is not None:
        shown["totalResults"] = total
    if start_index is not None:
        shown["startIndex"] = start_index
    shown["itemsPerPage"] = len(resources)
    shown.update({name: value for name, value in more.items() if value is not None})
    shown["Resources"] = resources
    return shown


def etag(version: int | str) -> str:
    """Return the weak ETag of a version (RFC 7644 §3.14)."""
    return f'W/"{version}"'


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Two readers of {"active":false,"active":true} would not agree on what was asked.
        raise ScimError(Code.BODY_NOT_JSON, why="a name is given twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ScimError(Code.BODY_NOT_JSON, why=f"{name} is no JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ScimError(Code.BODY_NOT_JSON, why="a number is too large")
    return number


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_MAX):
        below: list[Any] = []
        for each in level:
            inside = each.values() if isinstance(each, dict) else each
            below.extend([held for held in inside if isinstance(held, dict | list)])
        if not below:
            return
        level = below
    raise ScimError(Code.BODY_TOO_DEEP, limit=DEPTH_MAX)


def _check_characters(value: Any) -> None:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            if _UNSTORABLE.search(each):
                raise ScimError(Code.BODY_CHARACTER)
        elif isinstance(each, dict):
            waiting.extend(each.keys())
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
