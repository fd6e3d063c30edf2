"""Turns what clients send, in any of their dialects, into canonical operations and resources, with notices on what was bent.

A new quirk is read where the odd thing about it is read: the shape of the body or of an operation, and which keys are paths, here; the
text of a path in `scim.path`; a value that is of the wrong type or wrapped in `scim.coercion`; what a verb means on an attribute in
`scim.changes`, on members in `scim.membership`; what depends on the resource as it is in `scim.patch`. Its line in `profiles.QUIRKS` says
who does it, and a golden file shows it. Nothing here asks who is calling: what one client means, another may.
Why: docs/decisions/scim-own-core.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scim import changes, coercion, membership, own_values, path, protocol, unmapped
from scim.errors import Code, ScimError
from scim.filter.ast import AttributePath
from scim.filter.match import matches
from scim.operations import UNSENT, Notices, Operation
from scim.patch import apply
from scim.path import Path
from scim.schemas.attribute import Attribute
from scim.schemas.common import SCHEMAS
from scim.schemas.group import MEMBERS
from scim.schemas.resource_type import Place, ResourceType

PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
OPERATIONS_MAX = 1000
# Nextcloud names each member of a group in an operation of its own, in one PATCH, and WSO2 each who leaves.
GROUP_OPERATIONS_MAX = 10_000
# Of all that one request names by keys: whole resources, and operations without a path.
ATTRIBUTES_MAX = 1000

# Passwords have no attribute here: sent along they are dropped, sent alone they are refused.
_PASSWORD = "password"  # noqa: S105 - the name of an attribute


@dataclass(slots=True)
class Patch:
    """A PATCH, understood."""

    operations: list[Operation]
    notices: Notices


@dataclass(slots=True)
class Resource:
    """A POST or PUT, understood: attributes by their schema names, and for a group the ids of its members (None: not sent)."""

    attributes: dict[str, Any]
    members: tuple[str, ...] | None
    notices: Notices


def patch(body: dict[str, Any], kind: ResourceType, resource_id: str | None = None) -> Patch:
    """Read the body of a PATCH (RFC 7644 §3.5.2). `resource_id` is the id in the address, to compare with one in the body.

    ScimError: patch_empty, too_many_operations, operation_shape, operation_unknown, path_syntax, read_only, value_wrong …, and where no
    operation names anything that is here nothing_resolved, or password_not_kept if that was all.
    """
    notices = Notices()
    listed = protocol.named_once(body).get("operations")
    if isinstance(listed, dict):
        listed = [listed]
    if not isinstance(listed, list) or not listed:
        raise ScimError(Code.PATCH_EMPTY)
    limit = GROUP_OPERATIONS_MAX if kind.name == "Group" else OPERATIONS_MAX
    if len(listed) > limit:
        raise ScimError(Code.TOO_MANY_OPERATIONS, limit=limit)
    if PATCH_URN not in _listed_schemas(body):
        notices.add("schemas_missing", "schemas")
    reading = _Reading(kind, resource_id, notices)
    operations: list[Operation] = []
    for index, written in enumerate(listed, 1):
        if not isinstance(written, dict):
            raise ScimError(Code.OPERATION_SHAPE, index=index)
        operations.extend(reading.operation(written, index))
    if not reading.resolved:
        if reading.unresolved == [_PASSWORD]:
            raise ScimError(Code.PASSWORD_NOT_KEPT)
        raise ScimError(Code.NOTHING_RESOLVED, names=", ".join(reading.unresolved) or "it is empty")
    return Patch(operations, notices)


def resource(body: dict[str, Any], kind: ResourceType, resource_id: str | None = None) -> Resource:
    """Read the body of a POST or PUT; read-only attributes are left out (RFC 7644 §3.3, §3.5.1).

    ScimError: value_required, value_wrong, too_many_values, id_differs, named_twice …
    """
    notices = Notices()
    if not any(each.lower() in kind.urns for each in _listed_schemas(body)):
        notices.add("schemas_missing", "schemas")
    reading = _Reading(kind, resource_id, notices)
    attributes: dict[str, Any] = {}
    members: tuple[str, ...] | None = None
    later: list[Operation] = []
    protocol.named_once(body)
    for key, value in body.items():
        attribute = kind.core.get(key.lower())
        if attribute is not None and _is_plain(attribute):
            held = coercion.value_of(attribute, value, notices, attribute.name)
            if held is not None:
                attributes[attribute.name] = held
            continue
        for each in reading.keyed("replace", key, value):
            if each.kind == "set" and each.attribute is MEMBERS:
                members = each.value
            elif each.value is not None:
                later.append(each)
    if later:
        attributes, _ = apply(attributes, later, kind, notices)
    # Of a whole resource null says that there is none (RFC 7643 §2.5); in a change alone it stands for another verb.
    notices.found = [each for each in notices.found if each.code != "null_value"]
    missing = next((name for name in kind.needed if not attributes.get(name)), None)
    if missing is not None:
        raise ScimError(Code.VALUE_REQUIRED, path=missing)
    own_values.check_required(attributes, kind)
    return Resource(attributes, members, notices)


class _Reading:
    """One request while it is read: what has been understood so far."""

    def __init__(self, kind: ResourceType, resource_id: str | None, notices: Notices) -> None:
        self.kind = kind
        self.resource_id = resource_id
        self.notices = notices
        self.resolved = False
        self.unresolved: list[str] = []
        self.named = 0

    def operation(self, written: dict[str, Any], index: int) -> Iterator[Operation]:
        """Read one entry of Operations."""
        fields = protocol.named_once(written)
        verb = fields.get("op")
        if not isinstance(verb, str):
            raise ScimError(Code.OPERATION_SHAPE, index=index)
        if verb not in {"add", "replace", "remove"}:
            self.notices.add("operation_case", verb)
            verb = verb.lower()
            if verb not in {"add", "replace", "remove"}:
                raise ScimError(Code.OPERATION_UNKNOWN, op=fields["op"])
        target = fields.get("path")
        if target is not None and not isinstance(target, str):
            raise ScimError(Code.OPERATION_SHAPE, index=index)
        value = fields.get("value", UNSENT)
        if target is not None and target.strip():
            yield from self.place(verb, target.strip(), value, explicit=True)
            return
        if verb == "remove":
            raise ScimError(Code.NO_TARGET, path="")
        for key, held in coercion.attributes_in(value, self.notices).items():
            yield from self.keyed(verb, key, held)

    def keyed(self, verb: str, key: str, value: Any) -> Iterator[Operation]:
        """Read one attribute of a path-less operation or of a whole resource; its key may be a path (Entra with its flag)."""
        if key.lower() == "id":
            if self.resource_id is not None and value is not None and value != self.resource_id:
                raise ScimError(Code.ID_DIFFERS)
            self.notices.add("read_only", "id", "left out")
            return
        if key.lower() == "schemas":
            return
        try:
            yield from self.place(verb, key, value, explicit=False)
        except ScimError as error:
            if error.code != Code.PATH_SYNTAX:
                raise
            yield from self.unknown(verb, key, value)

    def unknown(self, verb: str, name: str, value: Any) -> Iterator[Operation]:
        """Say that no schema has it, and for a person keep it aside; by itself it is no change that was asked for and made."""
        self.unresolved.append(name)
        given = None if value is UNSENT else value
        kept = unmapped.operation(verb, name, given) if self.kind.name == "User" else None
        self.notices.add(
            "unknown_attribute", name, "left out" if kept is None else "kept aside, shown to nobody"
        )
        if kept is not None:
            yield kept

    def place(self, verb: str, written: str, value: Any, *, explicit: bool) -> Iterator[Operation]:
        """Read one verb on one written path."""
        self.count(explicit=explicit)
        if written.lower() == _PASSWORD and self.kind.name == "User":
            self.unresolved.append(_PASSWORD)
            self.notices.add("password", _PASSWORD, "not kept")
            return
        target = path.parse(written)
        place = self.found(target)
        if place is None:
            if value is not None:
                yield from self.unknown(verb, written, value)
            return
        if place.attribute is None:
            yield from self.extension(verb, place, written, value)
            return
        if not explicit and (target.inner is not None or target.sub or target.attribute.sub):
            self.notices.add("dotted_key", written)
        if self.is_ours(place, written, explicit=explicit):
            return
        _check_choice(place.attribute, place.sub, target, written)
        read = self.at(place, verb, target, written, value)
        if read is None:
            self.unresolved.append(written)
            return
        self.resolved = True
        yield from read

    def at(self, place: Place, verb: str, target: Path, written: str, value: Any) -> list[Operation] | None:
        """Read a verb on the place that a path leads to; None where nothing of the value is known there."""
        if place.attribute is not MEMBERS:
            return changes.operations(verb, place, target, written, value, self.notices)
        return [membership.operation(verb, target, written, value, self.notices)]

    def count(self, *, explicit: bool) -> None:
        """Count what is named by keys, and refuse a request that names too much."""
        self.named += not explicit
        if self.named > ATTRIBUTES_MAX:
            raise ScimError(Code.TOO_MANY_ATTRIBUTES, limit=ATTRIBUTES_MAX)

    def is_ours(self, place: Place, written: str, *, explicit: bool) -> bool:
        """Tell whether a place is for us alone to write; asked for by its path it is refused, else left out."""
        ours = {attribute.mutability for attribute in place if isinstance(attribute, Attribute)}
        if place.attribute is SCHEMAS:
            self.resolved = self.resolved or explicit
        elif "readOnly" not in ours:
            return False
        elif explicit:
            raise ScimError(Code.READ_ONLY, path=written)
        self.unresolved.append(written)
        self.notices.add("read_only", written, "left out")
        return True

    def found(self, target: Path) -> Place | None:
        """Resolve a path; names that only an extension knows are looked for there."""
        attribute = target.attribute
        if target.sub is not None:
            attribute = AttributePath(attribute.urn, attribute.name, target.sub)
        place = self.kind.find_anywhere(attribute)
        if attribute.urn is None and place is not None and place.extension is not None:
            self.notices.add("stray_attribute", str(attribute), "taken as part of the extension")
        return place

    def extension(self, verb: str, place: Place, written: str, value: Any) -> Iterator[Operation]:
        """Read a verb on a schema's URN: on each of the attributes below it."""
        urn = place.extension or self.kind.schema.id
        if verb == "remove" or value is None:
            if place.extension is None:
                raise ScimError(Code.READ_ONLY, path=written)
            self.resolved = True
            for attribute in self.kind.urns[urn.lower()].attributes:
                if attribute.mutability == "readOnly":
                    continue
                yield Operation("remove", Place(place.extension, attribute, None), written=written)
            return
        for key, held in coercion.attributes_in(value, self.notices, written).items():
            yield from self.place(verb, f"{urn}:{key}", held, explicit=False)


def _check_choice(attribute: Attribute, sub: Attribute | None, target: Path, written: str) -> None:
    """Refuse a path that chooses among values where there is nothing to choose. ScimError no_target, filter_hidden, filter_unknown."""
    if target.inner is not None and not attribute.multi_valued:
        raise ScimError(Code.NO_TARGET, path=attribute.name if attribute.is_hidden else written)
    if attribute.is_hidden and attribute.multi_valued and (target.inner is not None or sub is not None):
        # Whoever guesses right would see it. They are replaced as a whole.
        raise ScimError(Code.FILTER_HIDDEN, path=attribute.name)
    if target.inner is not None:
        # Also when there is no value yet, a filter must name parts that exist.
        matches(target.inner, {}, attribute)


def _is_plain(attribute: Attribute) -> bool:
    return attribute.mutability == "readWrite" and attribute is not MEMBERS and attribute is not SCHEMAS


def _listed_schemas(body: dict[str, Any]) -> list[str]:
    listed = next((held for key, held in body.items() if key.lower() == "schemas"), None)
    if isinstance(listed, str):
        return [listed]
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
