"""What holds for the values of an organization's own schemas beyond their types: required, immutable, read-only, no longer shown. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from scim import unmapped
from scim.errors import Code, ScimError
from scim.schemas.attribute import Attribute, Schema
from scim.schemas.resource_type import ResourceType

_PREFIX = "urn:"


def check_required(
    after: Mapping[str, Any],
    kind: ResourceType,
    before: Mapping[str, Any] | None = None,
    removed: Collection[Attribute | None] = (),
) -> None:
    """Refuse values that lack what their schema requires. ScimError value_required; required_stays for what was to be removed.

    A schema binds those who use it: without any value of it nothing is missing. Nor is what was missing `before`: a member from
    before the attribute was required can still be changed.
    """
    for schema in kind.own or ():
        was_missing = dict(_missing(schema, (before or {}).get(schema.id)))
        for path, attribute in _missing(schema, after.get(schema.id)):
            if path not in was_missing:
                raise ScimError(
                    Code.REQUIRED_STAYS if attribute in removed else Code.VALUE_REQUIRED, path=path
                )


def settled(before: Mapping[str, Any], after: Mapping[str, Any], kind: ResourceType) -> dict[str, Any]:
    """Return the attributes that a PUT leaves: it keeps what its sender cannot see or write. ScimError immutable."""
    made = _keeping(before, dict(after), kind)
    check_immutable(before, made, kind)
    return made


def taken_back(
    before: Mapping[str, Any], after: Mapping[str, Any], body: Mapping[str, Any], kind: ResourceType
) -> dict[str, Any]:
    """Return the attributes that a POST leaves to somebody who is here already, as `body` brings them back.

    What its sender can see is as they say, as if they created it (RFC 7644 §3.3); what is hidden from them stays unless they name it. A
    PUT forgets what no schema knows, since its sender has read the resource and says all of it; who creates has nothing to leave out.
    """
    made = _keeping(before, dict(after), kind)
    held = {name: value for name, value in (before.get(unmapped.URN) or {}).items() if name not in body}
    aside = held | (after.get(unmapped.URN) or {})
    return made | {unmapped.URN: unmapped.bounded(aside)} if aside else made


def _keeping(before: Mapping[str, Any], after: dict[str, Any], kind: ResourceType) -> dict[str, Any]:
    """Add what the sender of `after` cannot see or write.

    That is what is read-only, set once, or not in an answer by default; and what no schema names since one was changed or deleted.
    """
    if kind.own is None:
        return after
    schemas = {each.id: each for each in kind.own}
    for urn, held in before.items():
        if (
            urn == unmapped.URN
            or not urn.startswith(_PREFIX)
            or (urn.lower() in kind.urns and urn not in schemas)
        ):
            continue
        stays = {name: value for name, value in held.items() if _stays(schemas.get(urn), name)}
        if stays:
            after[urn] = stays | after.get(urn, {})
    return after


def check_immutable(before: Mapping[str, Any], after: Mapping[str, Any], kind: ResourceType) -> None:
    """Refuse another value for what is set once (RFC 7643 §7, mutability). ScimError immutable."""
    for schema in kind.own or ():
        held, wanted = before.get(schema.id) or {}, after.get(schema.id) or {}
        for attribute in schema.attributes:
            if attribute.mutability != "immutable" or attribute.name not in held:
                continue
            if wanted.get(attribute.name) != held[attribute.name]:
                raise ScimError(Code.IMMUTABLE, path=f"{schema.id}:{attribute.name}")


def _stays(schema: Schema | None, name: str) -> bool:
    attribute = schema.attribute(name) if schema is not None else None
    if attribute is None or attribute.is_hidden or attribute.returned == "request":
        return True
    return attribute.mutability in {"readOnly", "immutable"}


def _missing(schema: Schema, held: Mapping[str, Any] | None) -> Iterator[tuple[str, Attribute]]:
    if not held:
        return
    for attribute in schema.attributes:
        value = held.get(attribute.name)
        if value is None and attribute.required:
            yield f"{schema.id}:{attribute.name}", attribute
        elif value is not None and attribute.type == "complex":
            yield from _missing_parts(attribute, value, f"{schema.id}:{attribute.name}")


def _missing_parts(attribute: Attribute, value: Any, path: str) -> Iterator[tuple[str, Attribute]]:
    values = value if isinstance(value, list) else [value]
    for part in attribute.sub_attributes:
        if part.required and any(part.name not in each for each in values):
            yield f"{path}.{part.name}", part
