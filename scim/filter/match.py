"""Whether one value of a resource fulfils a filter: what PATCH needs to choose among values, without a database."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from scim.errors import Code, ScimError
from scim.filter.ast import And, AttributePath, Comparison, Filter, Literals, Not, Or, Present, ValuePath
from scim.schemas.attribute import Attribute

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "co": lambda left, right: right in left,
    "sw": lambda left, right: left.startswith(right),
    "ew": lambda left, right: left.endswith(right),
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
}
_DIGITS = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?", re.ASCII)
_TEXT_ONLY = frozenset({"co", "sw", "ew"})
_UNORDERED = frozenset({"gt", "ge", "lt", "le"})
# "boolean and binary attributes SHALL cause a failed response" (RFC 7644 §3.4.2.2).
_SENSELESS = {
    "complex": frozenset(_ORDER),
    "boolean": _TEXT_ONLY | _UNORDERED,
    "binary": _UNORDERED,
    "integer": _TEXT_ONLY,
    "decimal": _TEXT_ONLY,
}


def matches(tree: Filter, element: dict[str, Any], attribute: Attribute) -> bool:
    """Tell whether `element`, one value of the multi-valued complex `attribute`, fulfils the filter.

    ScimError filter_unknown for a part that the attribute does not have, filter_unsupported and filter_value for a comparison that
    has no meaning.
    """
    if isinstance(tree, And):
        # Every term is looked at, so that a wrong one is refused whatever the others say.
        return all([matches(each, element, attribute) for each in tree.terms])  # noqa: C419
    if isinstance(tree, Or):
        return any([matches(each, element, attribute) for each in tree.terms])  # noqa: C419
    if isinstance(tree, Not):
        return not matches(tree.term, element, attribute)
    if isinstance(tree, ValuePath):
        raise ScimError(Code.FILTER_UNKNOWN, path=str(tree.path))
    sub = part(tree.path, attribute)
    held = element.get(sub.name)
    if isinstance(tree, Present):
        return held not in (None, "", [])
    wanted = comparable(tree, sub)
    if held is None and wanted is not None and sub is attribute.preference:
        held = False
    if wanted is None or held is None:
        # A missing value equals null alone (RFC 7644 §3.4.2.2: "ne" of something missing holds).
        return tree.operator == ("eq" if held is wanted else "ne")
    is_moment = sub.type == "dateTime" and tree.operator not in _TEXT_ONLY
    left, right = (moment(str(each), sub.name) if is_moment else folded(each, sub) for each in (held, wanted))
    return _ORDER[tree.operator](left, right)


def part(path: AttributePath, attribute: Attribute) -> Attribute:
    """Return the sub-attribute that a filter within brackets names; ScimError filter_unknown if there is none."""
    sub = attribute.sub(path.name) if path.urn is None and path.sub is None else None
    if sub is None:
        raise ScimError(Code.FILTER_UNKNOWN, path=f"{attribute.name}.{path}")
    return sub


def comparable(tree: Comparison, attribute: Attribute) -> Literals:
    """Return the wanted value in the type of the attribute; ScimError where operator or value do not fit it."""
    name = str(tree.path)
    if tree.operator in _SENSELESS.get(attribute.type, frozenset()):
        raise ScimError(Code.FILTER_UNSUPPORTED, path=name, operator=tree.operator)
    value = tree.value
    if value is None:
        if tree.operator not in {"eq", "ne"}:
            raise ScimError(Code.FILTER_UNSUPPORTED, path=name, operator=f"{tree.operator} null")
        return None
    if attribute.type == "boolean":
        return _boolean(value, name)
    if attribute.type in {"integer", "decimal"}:
        return _number(value, name)
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and attribute.type == "string":
        # Rippling's employee numbers: written as a number, kept as text.
        return str(value)
    if not isinstance(value, str):
        raise ScimError(Code.FILTER_VALUE, path=name, expected="text in quotes")
    if attribute.type == "dateTime" and tree.operator not in _TEXT_ONLY:
        moment(value, name)
    return value


def _number(value: Literals, name: str) -> Literals:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        # Entra writes every value in quotes.
        return Decimal(value)
    if isinstance(value, bool | str):
        raise ScimError(Code.FILTER_VALUE, path=name, expected="a number")
    return value


def _boolean(value: Literals, name: str) -> bool:
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        # Entra writes roles[primary eq "True"].
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise ScimError(Code.FILTER_VALUE, path=name, expected="true or false")
    return value


def moment(text: str, name: str) -> datetime:
    """Return a date and time with its zone (UTC where none is written); ScimError filter_value otherwise."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = datetime.fromisoformat(f"{found.isoformat()}+00:00")
    except (ValueError, OverflowError) as error:
        raise ScimError(
            Code.FILTER_VALUE, path=name, expected="a date and time as 2026-01-31T12:00:00Z"
        ) from error
    return found


def folded(value: Any, attribute: Attribute) -> Any:
    """Return the value as it is compared: text without its case, unless the schema says that case counts; 0.1 as it is written."""
    if isinstance(value, float):
        return Decimal(str(value))
    return value.casefold() if isinstance(value, str) and not attribute.case_exact else value
