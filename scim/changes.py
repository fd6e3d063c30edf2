"""Reads one verb on one attribute of a person or a group, other than membership, into canonical operations."""

from typing import Any

from scim import coercion
from scim.errors import Code, ScimError
from scim.operations import UNSENT, Notices, Operation
from scim.path import Path
from scim.schemas.attribute import Attribute
from scim.schemas.resource_type import Place


def operations(
    verb: str, place: Place, target: Path, written: str, value: Any, notices: Notices
) -> list[Operation] | None:
    """Return what the verb does; None where the value is an object of which no part is known.

    ScimError: value_missing, value_wrong, too_many_values.

    An object is laid over the complex value that is there: parts that are not named stay (RFC 7644 §3.5.2.3), and one that is null is
    taken away by itself (RFC 7643 §2.5). Read as a whole, an object of one null would be nothing, and end all the others.
    """
    whole = place.attribute
    assert whole is not None  # noqa: S101 - the caller has found one
    is_list = whole.multi_valued and place.sub is None and target.inner is None
    if is_list and _is_strange(whole, value):
        notices.add("unknown_attribute", written, "left out")
        return None
    if verb == "remove" or is_list or place.sub is not None or whole.type != "complex":
        return [_change(verb, place, target, written, value, notices)]
    found = Notices()
    laid = coercion.object_in(whole, value, found, written)
    if not isinstance(laid, dict):
        return [_change(verb, place, target, written, value, notices)]
    given, ended = _sorted(whole, laid, found, written)
    if not given and any(each.name == "value" for each in ended):
        # What has lost its value, as a manager or an e-mail address, is gone.
        return [_change(verb, place, target, written, value, notices)]
    notices.extend(found)
    if laid and not given and not ended:
        return None
    read = [_change(verb, place, target, written, given, notices)] if given else []
    if ended:
        notices.add("null_value", written)
    places = [Place(place.extension, whole, sub) for sub in ended]
    return read + [Operation("remove", each, None, target.inner, written) for each in places]


def _is_strange(whole: Attribute, value: Any) -> bool:
    """Tell whether objects are sent of which no part is known: read as no value at all, they would end every one that is there."""
    if whole.type != "complex":
        return False
    listed = value if isinstance(value, list) else [value]
    sent = [each for each in (coercion.object_in(whole, one, Notices(), "") for one in listed) if each]
    return bool(sent) and not any(
        not isinstance(each, dict) or any(whole.sub(name) for name in each) for each in sent
    )


def _sorted(
    whole: Attribute, laid: dict[str, Any], found: Notices, written: str
) -> tuple[dict[str, Any], list[Attribute]]:
    """Return the parts that an object gives, and those that it takes away; what nobody knows is left out."""
    given, ended = {}, []
    for name, held in laid.items():
        sub = whole.sub(name)
        if sub is None:
            found.add("unknown_attribute", f"{written}.{name}", "left out")
        elif coercion.value_of(sub, held, Notices(), f"{written}.{sub.name}") is not None:
            given[name] = held
        elif sub.mutability != "readOnly":
            ended.append(sub)
    return given, ended


def _change(verb: str, place: Place, target: Path, written: str, value: Any, notices: Notices) -> Operation:
    attribute = place.sub or place.attribute
    assert attribute is not None  # noqa: S101 - as above
    if verb != "remove" and value is UNSENT:
        raise ScimError(Code.VALUE_MISSING, path=written)
    one = target.inner is not None and place.sub is None
    if verb == "remove":
        listed = attribute.multi_valued and not one and value is not UNSENT and value is not None
        wanted = coercion.value_of(attribute, value, notices, written, labels=True) if listed else None
        if listed and wanted is None:
            # A list of nothing names nobody; only without a list all are meant.
            notices.add("remove_nothing", written)
            wanted = []
        return Operation("remove", place, wanted, target.inner, written)
    coerce = coercion.one_of if one else coercion.value_of
    coerced = coerce(attribute, value, notices, written)
    if coerced is None:
        notices.add("null_value", written)
        nothing: list[Any] | None = [] if verb == "add" and attribute.multi_valued else None
        return Operation("remove", place, nothing, target.inner, written)
    appended = verb == "add" and (one or attribute.multi_valued)
    return Operation("append" if appended else "set", place, coerced, target.inner, written)
