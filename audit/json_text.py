"""Values as JSON text: the one text of a value, which hashes are made over, and values as PostgreSQL keeps them unchanged."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

import orjson

_TEXT_LENGTH_MAX = 4096
_AS_IT_IS: Final = (
    orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
)  # fmt: skip
# A number with a fraction or an exponent, or what looks like one within a text.
_FRACTION: Final = re.compile(rb"[:,\[]-?\d+(?:\.\d+|(?:\.\d+)?[eE][-+]?\d+)[,\]}]")
_LISTS: Final = (list, tuple, set, frozenset)


def canonical(value: object) -> bytes:
    """Return the one JSON text of a value, as RFC 8785 (JCS) has it for text, whole numbers, booleans, null, arrays and objects."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def commitment(salt: bytes, body: bytes) -> bytes:
    """Return SHA-256(salt ‖ canonical body), 32 bytes: what the entry keeps of its detail."""
    return hashlib.sha256(salt + body).digest()


def written(body: dict[str, Any]) -> bytes:
    """Return the canonical text of what is plain in it, where orjson writes the same ten times faster.

    Nearly every body is plain as it is. Whether it is shows in its text: nothing that long or odd is in a short text without any.
    """
    try:
        text = orjson.dumps(body, default=_member, option=_AS_IT_IS)
        if len(text) <= _TEXT_LENGTH_MAX and b"\\u0000" not in text and not _FRACTION.search(text):
            return text
    except TypeError:
        # What JSON has no word for, or a lone surrogate.
        pass
    body = {name: plain(value) for name, value in body.items()}
    try:
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # A whole number past 64 bits.
        return canonical(body)


def instant(moment: datetime) -> str:
    """Return a time of UTC as our JSON has it, as 2027-03-31T18:00:00.123456Z."""
    return moment.isoformat().replace("+00:00", "Z")


def plain(value: object) -> Any:
    """Return the value as JSON that survives PostgreSQL unchanged: no fractions, no NUL, no lone surrogates, texts of at most 4 kB."""
    if isinstance(value, str):
        is_clean = value.isascii() and "\0" not in value and len(value) <= _TEXT_LENGTH_MAX
        return value if is_clean else _cleaned(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, _LISTS):
        return [plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return plain(str(value))


def _member(value: object) -> str:
    """Return the text that a member of an enumeration stands for. TypeError for whatever else orjson is not sure of."""
    if isinstance(value, str) and isinstance(value, Enum):
        return str(value.value)
    raise TypeError


def _cleaned(text: str) -> str:
    clean = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return clean if len(clean) <= _TEXT_LENGTH_MAX else clean[:_TEXT_LENGTH_MAX] + "…"
