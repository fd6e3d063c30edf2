"""Values that no answer ever shows are not kept: a digest with a salt stands in their place, by which the same value is known again.

So nobody can read them back: not from a profile, the record, a bundle or a backup. The key is the organization's, since a PIN has too few
values for a digest that anybody could make.
Why: docs/decisions/own-schemas.md.
"""

import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import orjson

from identity import secrets
from scim.operations import Operation
from scim.schemas.resource_type import ResourceType

# What stands in the place of a value is an object of this one key, which no attribute can be called.
MARK: Final = "$hidden"
_SALT_BYTES: Final = 8
_DIGEST_BYTES: Final = 16


def in_attributes(
    before: Mapping[str, Any], after: dict[str, Any], kind: ResourceType, organization_id: UUID
) -> dict[str, Any]:
    """Return the attributes of a whole person without what is never shown; what is as it was `before` stays as it stands there."""
    if not kind.hidden:
        return after
    made = dict(after)
    for schema in kind.own or ():
        held, sent = before.get(schema.id) or {}, after.get(schema.id) or {}
        for name in sent:
            attribute = schema.attribute(name)
            if attribute is not None and attribute.is_hidden:
                place = _Place(organization_id, f"{schema.id}:{attribute.name}")
                made[schema.id] = {**made[schema.id], name: place.digested(sent[name], held.get(name))}
    return made


def in_operations(
    before: Mapping[str, Any], operations: Iterable[Operation], organization_id: UUID
) -> list[Operation]:
    """Return the operations of a PATCH without what is never shown, as above."""
    return [_in_operation(before, each, organization_id) for each in operations]


def _in_operation(before: Mapping[str, Any], operation: Operation, organization_id: UUID) -> Operation:
    extension, attribute, sub = operation.place
    if extension is None or operation.value is None or not operation.attribute.is_hidden:
        return operation
    held = (before.get(extension) or {}).get(operation.attribute.name)
    if sub is not None:
        held = held.get(sub.name) if isinstance(held, dict) else None
    assert attribute is not None  # noqa: S101 - Operation.attribute has looked
    place = _Place(organization_id, f"{extension}:{attribute.name}")
    return replace(operation, value=place.digested(operation.value, held))


class _Place:
    """One attribute of one organization, whose values are digested."""

    def __init__(self, organization_id: UUID, path: str) -> None:
        self._organization_id = organization_id
        self._context = f"hidden:{path}:"

    def digested(self, value: Any, held: Any) -> Any:
        """Return the value with a digest in the place of each text, number or flag in it: that of `held` where it is the same."""
        if self._is_same(value, held):
            return held
        if isinstance(value, list):
            known = held if isinstance(held, list) else []
            found: list[Any] = []
            for each in value:
                one = next((old for old in known if self._is_same(each, old)), None)
                found.append(self.digested(each, None) if one is None else one)
            return found
        if isinstance(value, dict):
            parts = held if isinstance(held, dict) else {}
            return {name: self.digested(part, parts.get(name)) for name, part in value.items()}
        salt = os.urandom(_SALT_BYTES)
        return {MARK: f"{salt.hex()}.{self._digest(salt, value).hex()}"}

    def _is_same(self, value: Any, held: Any) -> bool:
        if isinstance(held, dict) and MARK in held and not isinstance(value, dict | list):
            salt, _, digest = held[MARK].partition(".")
            return hmac.compare_digest(self._digest(bytes.fromhex(salt), value), bytes.fromhex(digest))
        if isinstance(value, dict) and isinstance(held, dict):
            return value.keys() == held.keys() and all(
                self._is_same(value[name], held[name]) for name in value
            )
        if isinstance(value, list) and isinstance(held, list):
            return len(value) == len(held) and all(map(self._is_same, value, held))
        return False

    def _digest(self, salt: bytes, value: Any) -> bytes:
        whole = secrets.digest(self._organization_id, self._context, salt + orjson.dumps(value))
        return whole[:_DIGEST_BYTES]
