"""Keeps secrets out of the request log: passwords and the like, whatever place a client puts them in. Pure."""

import json
import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import unquote_plus

MASK: Final = "***"
# What a JSON body that hides something must contain; an escape could spell any word.
_SUSPICIOUS: Final = re.compile(rb"pass|pwd|secret|token|credential|api_?key|\\u", re.IGNORECASE)
_SECRET_NAME: Final = re.compile(
    r"passw|passphrase|passcode|pwd|secret|token|credential|apikey", re.IGNORECASE
)
_LETTERS: Final = re.compile(r"[^a-z]", re.IGNORECASE)
# Keys of what names an attribute.
_NAMING: Final = frozenset({"path", "type"})
# As an attribute of an organization's own may be called (scim.schemas.definition).
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
# Values that a filter compares with: people may well be called Secretary. One without an end is found too, or each quotation mark in it
# would be tried as a beginning of its own, which takes hours of a long text.
_QUOTED: Final = re.compile(r'"(?:[^"\\]++|\\.)*+("|\\?\Z)', re.DOTALL)


def body(raw: bytes, hidden: Collection[str] = ()) -> str | None:
    """Return the body as text without the secrets in it; None where one may be in it that we cannot find.

    `hidden` are names, in small letters, of attributes that no answer shows: what is written to them is masked too.
    """
    is_suspicious = _SUSPICIOUS.search(raw) is not None or _names_any(raw, hidden)
    try:
        text = raw.decode()
        if not is_suspicious:
            return text
        value = json.loads(text, object_pairs_hook=_once)
        kept = masked(value, hidden)
        return text if kept == value else json.dumps(kept)
    except (ValueError, RecursionError):
        return None if is_suspicious else raw.decode(errors="replace")


def query(text: str, hidden: Collection[str] = ()) -> str:
    """Return the query without parameters, or a filter, that speak of secrets."""
    if not text:
        return ""
    return "&".join(
        f"{part.partition('=')[0]}={MASK}" if is_secret(unquote_plus(part), hidden) else part
        for part in text.split("&")
    )


def is_secret(name: str, hidden: Collection[str] = ()) -> bool:
    """Tell whether an attribute of this name, or a path to it, holds a secret."""
    bare = _QUOTED.sub(_kept_if_endless, name)
    if _SECRET_NAME.search(_LETTERS.sub("", bare)) is not None:
        return True
    return bool(hidden) and any(each.lower() in hidden for each in _NAME.findall(bare))


def hides(text: str) -> bool:
    """Tell whether a text is an object or a list with a secret in it, or may be one."""
    try:
        return _masked_text(text, ()) != text
    except (ValueError, RecursionError):
        return True


def masked(value: Any, hidden: Collection[str] = ()) -> Any:
    """Return JSON without the secrets in it. Raises ValueError or RecursionError where one may be in it that we cannot find."""
    if isinstance(value, list):
        return [masked(each, hidden) for each in value]
    if isinstance(value, str):
        return _masked_text(value, hidden)
    if not isinstance(value, dict):
        return value
    # An operation names its attribute in `path` and has the secret in `value`; a reference does so in `type`.
    names = [held for key, held in value.items() if key.lower() in _NAMING and isinstance(held, str)]
    hides_value = any(is_secret(name, hidden) for name in names)
    found: dict[str, Any] = {}
    for key, held in value.items():
        if held is not None and (is_secret(key, hidden) or (hides_value and key.lower() == "value")):
            found[_without_values(key)] = MASK
        elif key.lower() in _NAMING and isinstance(held, str) and is_secret(held, hidden):
            found[key] = _without_values(held)
        else:
            found[key] = masked(held, hidden)
    return found


def _without_values(path: str) -> str:
    """Return the path to a secret without what a filter in it compares the secret with."""
    return _QUOTED.sub(f'"{MASK}"', path)


def _kept_if_endless(found: re.Match[str]) -> str:
    return "" if found[1] == '"' else found[0]


def _masked_text(text: str, hidden: Collection[str]) -> str:
    """Mask an object or a list that is written as text, as Keycloak's client does. Text that is neither is nobody's attribute."""
    if not text.startswith(("{", "[")):
        return text
    try:
        json.loads(text)
    except ValueError:
        return text
    value = json.loads(text, object_pairs_hook=_once)
    kept = masked(value, hidden)
    return text if kept == value else json.dumps(kept)


def _names_any(raw: bytes, hidden: Collection[str]) -> bool:
    lowered = raw.lower() if hidden else b""
    return any(each.encode() in lowered for each in hidden)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("one of the two values would be overlooked")
    return found
