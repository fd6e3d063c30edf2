"""Keeps secrets out of the request log: passwords and the like, whatever place a client puts them in. Pure."""

import json
import re
from typing import Any, Final
from urllib.parse import unquote_plus

MASK: Final = "***"
# What a JSON body that hides something must contain; an escape could spell any word.
_SUSPICIOUS: Final = re.compile(rb"pass|pwd|secret|token|credential|api_?key|\\u", re.IGNORECASE)
_SECRET_NAME: Final = re.compile(
    r"passw|passphrase|passcode|pwd|secret|token|credential|apikey", re.IGNORECASE
)
_LETTERS: Final = re.compile(r"[^a-z]", re.IGNORECASE)
# Values that a filter compares with: people may well be called Secretary.
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


def body(raw: bytes) -> str | None:
    """Return the body as text without the secrets in it; None where one may be in it that we cannot find."""
    try:
        text = raw.decode()
        if not _SUSPICIOUS.search(raw):
            return text
        value = json.loads(text, object_pairs_hook=_once)
        masked = _masked(value)
        return text if masked == value else json.dumps(masked)
    except (ValueError, RecursionError):
        return None if _SUSPICIOUS.search(raw) else raw.decode(errors="replace")


def query(text: str) -> str:
    """Return the query without parameters, or a filter, that speak of secrets."""
    if not text:
        return ""
    return "&".join(
        f"{part.partition('=')[0]}={MASK}" if is_secret(unquote_plus(part)) else part
        for part in text.split("&")
    )


def is_secret(name: str) -> bool:
    """Tell whether an attribute of this name, or a path to it, holds a secret."""
    return _SECRET_NAME.search(_LETTERS.sub("", _QUOTED.sub("", name))) is not None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("one of the two values would be overlooked")
    return found


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if not isinstance(value, dict):
        return value
    # An operation names its attribute in `path` and has the secret in `value`; a reference does so in `type`.
    names = [held for key, held in value.items() if key.lower() in {"path", "type"} and isinstance(held, str)]
    hides_value = any(is_secret(name) for name in names)
    return {
        key: MASK
        if held is not None and (is_secret(key) or (hides_value and key.lower() == "value"))
        else _masked(held)
        for key, held in value.items()
    }
