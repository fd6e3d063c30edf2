"""Applies canonical operations to a resource: pure, values in and values out (RFC 7644 §3.5.2.1–3)."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from scim import coercion, own_values, unmapped
from scim.errors import Code, ScimError
from scim.filter.ast import And, Comparison, Filter, terms
from scim.filter.match import comparable, folded, matches, part
from scim.operations import Notices, Operation
from scim.schemas.attribute import Attribute
from scim.schemas.resource_type import ResourceType

Resource = dict[str, Any]

# How often a value may be compared in one request, with a term of a filter or with a value that was sent: half a second's work.
COMPARISONS_MAX = 300_000
# Parts that only say something of the others.
_LABELS = frozenset({"type", "primary", "display"})


def apply(
    resource: Resource, operations: Iterable[Operation], kind: ResourceType, notices: Notices | None = None
) -> tuple[Resource, bool]:
    """Return the resource after the operations, and whether it differs from before; what was given stays untouched.

    ScimError: target_missing, value_required, required_stays, immutable, too_many_values, too_much_work.
    Operations on membership do not belong here.
    """
    notices = notices or Notices()
    after = dict(resource)
    comparisons = 0
    removed = set()
    for operation in operations:
        extension = operation.place.extension
        held = after if extension is None else dict(after.get(extension) or {})
        comparisons += _comparisons(held, operation)
        if comparisons > COMPARISONS_MAX:
            raise ScimError(Code.TOO_MUCH_WORK)
        _change(held, operation, notices)
        if operation.kind == "remove":
            removed.add(operation.place.leaf)
        if extension is not None and held:
            after[extension] = held
        elif extension is not None:
            after.pop(extension, None)
    for name in kind.required:
        if name in resource and after.get(name) in (None, ""):
            raise ScimError(Code.REQUIRED_STAYS, path=name)
    if unmapped.URN in after:
        after[unmapped.URN] = unmapped.bounded(after[unmapped.URN])
    own_values.check_required(after, kind, resource, removed)
    own_values.check_immutable(resource, after, kind)
    return after, after != resource


def _comparisons(held: Resource, operation: Operation) -> int:
    """Return about how many comparisons the operation takes: of each value there with each that is sent, or with each term of a filter."""
    before = held.get(operation.attribute.name)
    if not operation.attribute.multi_valued or not before:
        return 0
    sent = len(operation.value) if isinstance(operation.value, list) else 1
    # A term costs some five times what it costs to compare two values.
    return len(before) * (sent if operation.inner is None else 5 * terms(operation.inner))


def _change(held: Resource, operation: Operation, notices: Notices) -> None:
    attribute = operation.attribute
    before = held.get(attribute.name)
    if attribute.multi_valued:
        after: Any = _several(before or [], operation, notices)
    elif attribute.type == "complex":
        after = _parts(before or {}, operation)
    else:
        after = None if operation.kind == "remove" else operation.value
    if after is None or after in ([], {}):
        held.pop(attribute.name, None)
    else:
        held[attribute.name] = after


def _parts(before: Resource, operation: Operation) -> Resource:
    """Change a complex attribute: the given parts are set, the others stay (RFC 7644 §3.5.2.3)."""
    sub = operation.place.sub
    if sub is not None and sub.is_plain_list and operation.value is not None:
        after = _whole(before.get(sub.name) or [], operation)
        return {
            **{name: value for name, value in before.items() if name != sub.name},
            **({sub.name: after} if after else {}),
        }
    if operation.kind == "remove":
        return {} if sub is None else {name: value for name, value in before.items() if name != sub.name}
    return {**before, **operation.value} if sub is None else {**before, sub.name: operation.value}


def _several(before: list[Any], operation: Operation, notices: Notices) -> list[Any]:
    attribute = operation.attribute
    chooses = operation.inner is not None or operation.place.sub is not None
    if chooses and attribute.is_plain_list:
        after = _plain(before, operation, notices)
    else:
        after = _chosen(before, operation, notices) if chooses else _whole(before, operation)
    if len(after) > coercion.VALUES_MAX:
        raise ScimError(Code.TOO_MANY_VALUES, path=attribute.name, limit=coercion.VALUES_MAX)
    if operation.kind == "remove":
        return after
    return _single_primary(before, coercion.distinct(attribute, after, notices, operation.written))


def _plain(before: list[Any], operation: Operation, notices: Notices) -> list[Any]:
    """Change values without parts as if each were the `value` of an object."""
    value = operation.value
    if operation.place.sub is None and value is not None:
        operation = replace(operation, value={"value": value})
    after = _chosen([{"value": each} for each in before], operation, notices)
    return list(dict.fromkeys(each["value"] for each in after))


def _whole(before: list[Any], operation: Operation) -> list[Any]:
    if operation.kind == "set":
        return list(operation.value)
    if operation.kind == "append":
        return before + [each for each in operation.value if each not in before]
    if operation.value is None:
        return []
    # Remove with a list of values takes away those alone: Entra sends it for roles as it does for members.
    leaf = operation.place.sub or operation.attribute
    held = [_said(each, leaf) for each in before]
    gone = {number for each in operation.value for number in _meant(_said(each, leaf), held)}
    return [each for number, each in enumerate(before) if number not in gone]


def _said(value: Any, attribute: Attribute) -> Resource:
    """Return what is said of a value, each part as filters compare it."""
    parts = value if isinstance(value, dict) else {"value": value}
    known = ((name, held, attribute.sub(name)) for name, held in parts.items())
    return {name: held if sub is None else folded(held, sub) for name, held, sub in known}


def _meant(said: Resource, held: list[Resource]) -> list[int]:
    """Return which of the values that are held somebody means who says this: those of this `value`, of this type if there is one of it.

    Whoever leaves `value` out means those that have all these parts, as {"type": "home"}.
    """
    names = ("value",) if "value" in said else tuple(said)
    alike = [
        number for number, each in enumerate(held) if all(each.get(name) == said[name] for name in names)
    ]
    of_type = [number for number in alike if "type" in said and held[number].get("type") == said["type"]]
    return of_type or alike


def _chosen(before: list[Any], operation: Operation, notices: Notices) -> list[Any]:
    """Change the values that the filter chooses, all of them where there is no filter; create one where none is."""
    attribute, inner, sub = operation.attribute, operation.inner, operation.place.sub
    after = []
    found = False
    for each in before:
        if inner is not None and not matches(inner, each, attribute):
            after.append(each)
            continue
        found = True
        changed = _element(each, operation)
        if changed:
            after.append(changed)
    if found or operation.kind == "remove":
        return after
    created = from_filter(inner, attribute, operation.written) if inner is not None else {}
    if created is None:
        raise ScimError(Code.TARGET_MISSING, path=operation.written)
    notices.add("created_value", operation.written)
    after.append(
        {**created, sub.name: operation.value} if sub is not None else {**created, **operation.value}
    )
    return after


def _element(element: Resource, operation: Operation) -> Resource:
    sub = operation.place.sub
    if sub is not None and operation.kind == "remove":
        rest = {name: value for name, value in element.items() if name != sub.name}
        # Of what has lost its value, or an address its last line, the labels mean nothing.
        return rest if rest.keys() - _LABELS or not operation.attribute.by_name.keys() - _LABELS else {}
    if sub is not None:
        return {**element, sub.name: operation.value}
    if operation.kind == "remove":
        return {}
    # A value that is chosen by a filter is a complex one: the given parts are set, the others stay.
    return {**element, **operation.value}


def from_filter(tree: Filter, attribute: Attribute, written: str) -> Resource | None:
    """Return the value that `a eq 1 and b eq 2` describes; None for a filter that describes no single one.

    Such a value is written as one in a body is, and as strictly (ScimError value_wrong): a filter may compare with more than can be kept.
    """
    created: Resource = {}
    for each in tree.terms if isinstance(tree, And) else (tree,):
        if not isinstance(each, Comparison) or each.operator != "eq":
            return None
        sub = part(each.path, attribute)
        value: Any = comparable(each, sub)
        if isinstance(value, Decimal):
            value = int(value) if value == value.to_integral_value() else float(value)
        value = coercion.value_of(sub, value, Notices(), written)
        if created.setdefault(sub.name, value) != value:
            return None
    return {name: value for name, value in created.items() if value is not None}


def _single_primary(before: list[Any], after: list[Any]) -> list[Any]:
    """Where a new value claims to be the primary one, the old one gives way (RFC 7644 §3.5.2)."""
    claims = [each for each in after if isinstance(each, dict) and each.get("primary") is True]
    if not claims[1:]:
        return after
    newest = next((each for each in reversed(claims) if each not in before), claims[-1])
    return [{**each, "primary": False} if each in claims and each is not newest else each for each in after]
