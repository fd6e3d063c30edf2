"""Brings a value to the type its schema asks for, where it is clear what was meant; refuses it otherwise."""

import base64
import binascii
import math
import re
from datetime import datetime
from typing import Any

from scim import protocol
from scim.errors import Code, ScimError
from scim.operations import Notices
from scim.schemas.attribute import Attribute

TEXT_CHARACTERS_MAX = 4096
BINARY_CHARACTERS_MAX = 65536
VALUES_MAX = 500

_INTEGER_MAX = 2**63 - 1
_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
# xsd:dateTime (RFC 7643 §2.3.5); a time without its zone is one of UTC.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)

_EXPECTED = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "decimal": "a number",
    "dateTime": "a date and time as 2026-01-31T12:00:00Z",
    "reference": "an address",
    "binary": "text in base64",
    "complex": "an object",
}

_NEVER_TEXT = frozenset({"boolean", "integer", "decimal", "dateTime"})


def value_of(attribute: Attribute, value: Any, notices: Notices, path: str, *, labels: bool = False) -> Any:
    """Return the value in the type of the attribute, None where it is unassigned; ScimError value_wrong, too_many_values otherwise.

    Null and the empty list mean "unassigned" (RFC 7643 §2.5), and so does a type alone unless values are named by their `labels`.
    """
    if value is None or value == []:
        return None
    if attribute.multi_valued:
        return _several(attribute, value, notices, path, labels=labels)
    return _one(attribute, value, notices, path)


def one_of(attribute: Attribute, value: Any, notices: Notices, path: str) -> Any:
    """Return one value of a multi-valued attribute, None where it is unassigned; ScimError value_wrong otherwise."""
    return None if value is None else _one(attribute, value, notices, path)


def object_of(value: Any) -> Any:
    """Return the object that stands in a text, as the clients of SCIM-SDK (Keycloak) write objects; any other value as it is.

    ScimError body_character, body_too_deep: as strict as with a body, or a NUL and a thousand brackets would come in by this way.
    """
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    try:
        return protocol.read_object(value.encode())
    except ScimError as error:
        if error.code is not Code.BODY_NOT_JSON:
            raise
        return value


def list_of(value: Any) -> Any:
    """Return the list that stands in a text; any other value as it is."""
    if not isinstance(value, str) or not value.startswith("["):
        return value
    inside = object_of(f'{{"list":{value}}}')
    return inside["list"] if isinstance(inside, dict) else value


def attributes_in(value: Any, notices: Notices, written: str = "") -> dict[str, Any]:
    """Return the attributes that an operation names which has no path, or a path to a whole schema (`written`).

    ScimError value_wrong, named_twice.
    """
    path = written or "value"
    if isinstance(value, list) and len(value) == 1:
        notices.add("wrapped_value", path)
        value = value[0]
    inside = object_of(value)
    if not isinstance(inside, dict):
        expected = "an object of attributes" + ("" if written else ", as the operation has no path")
        raise ScimError(Code.VALUE_WRONG, path=path, expected=expected)
    if inside is not value:
        notices.add("coerced", path, "an object written as text")
    # Of keys that are paths, what stands in brackets may differ in case alone.
    protocol.named_once({key: held for key, held in inside.items() if "[" not in key})
    return inside


def _several(
    attribute: Attribute, value: Any, notices: Notices, path: str, *, labels: bool
) -> list[Any] | None:
    if attribute.type == "complex" and (inside := list_of(value)) is not value:
        notices.add("coerced", path, "a list written as text")
        value = inside
    if not isinstance(value, list):
        notices.add("coerced", path, "a single value in place of a list")
        value = [value]
    if len(value) > VALUES_MAX:
        raise ScimError(Code.TOO_MANY_VALUES, path=path, limit=VALUES_MAX)
    found = []
    for each in value:
        one = _one(attribute, each, notices, path) if each is not None else None
        if one is not None and one not in found and (labels or not attribute.is_label(one)):
            found.append(one)
    return one_primary(distinct(attribute, found, notices, path), notices, path) or None


def distinct(attribute: Attribute, values: list[Any], notices: Notices, path: str) -> list[Any]:
    """Leave of each type one value once, the last one's parts over the first one's (RFC 7643 §2.4: no combination more than once)."""
    if not values[1:] or not attribute.is_usual_list or attribute.is_hidden:
        return values
    found: dict[Any, Any] = {}
    for number, each in enumerate(values):
        key = (each["value"], each.get("type")) if each.get("value") else number
        found[key] = {**found[key], **each} if key in found else each
    if len(found) < len(values):
        notices.add("coerced", path, "one value of one type, given twice")
    return list(found.values())


def one_primary(values: list[Any], notices: Notices, path: str) -> list[Any]:
    """Leave `primary` true on the last value that claims it: RFC 7643 §2.4 allows one, clients send two."""
    claims = [each for each in values if isinstance(each, dict) and each.get("primary") is True]
    if not claims[1:]:
        return values
    notices.add("two_primaries", path, "the last one is kept")
    earlier = [id(each) for each in claims[:-1]]
    return [{**each, "primary": False} if id(each) in earlier else each for each in values]


def _one(attribute: Attribute, value: Any, notices: Notices, path: str) -> Any:
    if attribute.type == "complex":
        return _complex(attribute, value, notices, path)
    if isinstance(value, list) and len(value) == 1:
        notices.add("coerced", path, "taken out of a list of one")
        value = value[0]
    if isinstance(value, dict) and {key.lower() for key in value} & {"value"}:
        notices.add("coerced", path, "taken out of an object with “value”")
        value = next(held for key, held in value.items() if key.lower() == "value")
    if isinstance(value, str) and not value.strip() and attribute.type in _NEVER_TEXT:
        # What a template of OneLogin's makes of a field that is empty.
        notices.add("coerced", path, "empty text taken as nothing")
        value = None
    if value is None:
        return None
    return _SIMPLE[attribute.type](attribute, value, notices, path)


def object_in(attribute: Attribute, value: Any, notices: Notices, path: str) -> Any:
    """Return the object that a complex value was sent as, however it is wrapped; any other value as it is."""
    if isinstance(value, list) and len(value) == 1:
        # Entra sends a manager as a list of one.
        notices.add("coerced", path, "taken out of a list of one")
        value = value[0]
    if (inside := object_of(value)) is not value:
        notices.add("coerced", path, "an object written as text")
        value = inside
    return _unwrapped(attribute, value, notices, path) if isinstance(value, dict) else value


def _complex(attribute: Attribute, value: Any, notices: Notices, path: str) -> dict[str, Any] | None:
    value = object_in(attribute, value, notices, path)
    if isinstance(value, str | int) and not isinstance(value, bool):
        # Entra sends a manager as text, others send an e-mail address as text.
        main = attribute.sub("value") or attribute.sub("formatted")
        if main is not None:
            notices.add("coerced", path, f"text taken as “{main.name}”")
            value = {main.name: value}
    if not isinstance(value, dict):
        raise ScimError(Code.VALUE_WRONG, path=path, expected=_EXPECTED["complex"])
    found: dict[str, Any] = {}
    for name, held in value.items():
        sub = attribute.sub(name)
        if sub is None:
            if held is not None:
                notices.add("unknown_attribute", f"{path}.{name}", "left out")
            continue
        if sub.name in found:
            raise ScimError(Code.NAMED_TWICE, path=f"{path}.{name}")
        coerced = value_of(sub, held, notices, f"{path}.{sub.name}")
        if coerced is not None:
            found[sub.name] = coerced
    return found or None


def _unwrapped(attribute: Attribute, value: dict[str, Any], notices: Notices, path: str) -> dict[str, Any]:
    """Entra without its flag writes the whole role as JSON text inside `value`, and `displayName` for `display`."""
    if attribute.name not in {"roles", "entitlements"}:
        return value
    inside = object_of(value.get("value"))
    if isinstance(inside, dict) and ("displayName" in inside or any(attribute.sub(name) for name in inside)):
        notices.add("coerced", path, "an object written as text")
        # The id that Entra gives the role stands there always: nobody's mapping has it, or could leave it out.
        value = {**value, "value": None, **{name: held for name, held in inside.items() if name != "id"}}
    if "displayName" in value and "display" not in value:
        value = {**value, "display": value["displayName"]}
        value.pop("displayName")
    return value


def _text(attribute: Attribute, value: Any, notices: Notices, path: str) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        notices.add("coerced", path, "a number taken as text")
        value = str(value)
    if not isinstance(value, str):
        raise ScimError(Code.VALUE_WRONG, path=path, expected=_EXPECTED[attribute.type])
    if attribute.trimmed and value != value.strip():
        notices.add("coerced", path, "blanks at its ends left out")
        value = value.strip()
    limit = BINARY_CHARACTERS_MAX if attribute.type == "binary" else TEXT_CHARACTERS_MAX
    if len(value) > limit:
        raise ScimError(Code.VALUE_TOO_LONG, path=path, limit=limit)
    if attribute.closed and value and not _is_listed(attribute, value):
        expected = f"one of {', '.join(attribute.canonical_values)}"
        raise ScimError(Code.VALUE_WRONG, path=path, expected=expected)
    # Empty text is what several clients send for "nothing"; stored, it would come back as a value.
    return value or None


def _is_listed(attribute: Attribute, value: str) -> bool:
    if attribute.case_exact:
        return value in attribute.canonical_values
    return value.casefold() in {each.casefold() for each in attribute.canonical_values}


def _boolean(attribute: Attribute, value: Any, notices: Notices, path: str) -> bool:
    if isinstance(value, bool):
        return value
    # Entra sends booleans as text: "False". Keycloak: "false".
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        notices.add("coerced", path, "true or false written as text")
        return value.strip().lower() == "true"
    raise ScimError(Code.VALUE_WRONG, path=path, expected=_EXPECTED[attribute.type])


def _number(attribute: Attribute, value: Any, notices: Notices, path: str) -> int | float:
    whole = attribute.type == "integer"
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        notices.add("coerced", path, "a number written as text")
        value = int(value) if value.lstrip("-").isdigit() else float(value)
    if whole and isinstance(value, float) and value.is_integer():
        notices.add("coerced", path, "a whole number written with a fraction")
        value = int(value)
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    # Beyond 64 bits no two readers of JSON agree on what a number is (RFC 8259 §6).
    if not is_number or (isinstance(value, int) and abs(value) > _INTEGER_MAX) or not math.isfinite(value):
        raise ScimError(Code.VALUE_WRONG, path=path, expected=_EXPECTED[attribute.type])
    return value


def _moment(attribute: Attribute, value: Any, notices: Notices, path: str) -> str | None:
    text = _text(attribute, value, notices, path)
    try:
        if text is not None:
            datetime.fromisoformat(text)
    except ValueError:
        text = ""
    if text is not None and not _MOMENT.fullmatch(text):
        raise ScimError(Code.VALUE_WRONG, path=path, expected=_EXPECTED[attribute.type])
    return text


def _binary(attribute: Attribute, value: Any, notices: Notices, path: str) -> str | None:
    text = _text(attribute, value, notices, path)
    if text is not None and (joined := "".join(text.split())) != text:
        # Certificates are often cut into lines.
        notices.add("coerced", path, "blanks and line ends left out")
        text = joined
    try:
        if text is not None:
            # The signs at its end may be left out (RFC 7643 §2.3.6).
            base64.b64decode(text if "=" in text else text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ScimError(Code.VALUE_WRONG, path=path, expected=_EXPECTED[attribute.type]) from None
    return text


_SIMPLE = {
    "string": _text,
    "reference": _text,
    "boolean": _boolean,
    "integer": _number,
    "decimal": _number,
    "dateTime": _moment,
    "binary": _binary,
}
