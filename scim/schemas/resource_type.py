"""A resource type: which schemas make a User or a Group, and which attribute a written path means."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scim.filter.ast import AttributePath
from scim.filter.grammar import attribute_path
from scim.schemas.attribute import Attribute, Schema
from scim.schemas.common import COMMON


class Place(NamedTuple):
    """Where an attribute lives: under which extension (None: at the top), which attribute, which part of it."""

    extension: str | None
    attribute: Attribute | None
    sub: Attribute | None

    @property
    def leaf(self) -> Attribute | None:
        """The attribute that the path ends at; None when it ends at the extension itself."""
        return self.sub or self.attribute


@dataclass(frozen=True, slots=True, eq=False)
class ResourceType:
    """One kind of resource with its endpoint and schemas (RFC 7643 §6).

    `own` are those of the extensions that an organization has defined for itself, None where it never did.
    `hidden` are the names, in small letters, of those of their attributes that no answer shows.
    `required` names what a resource always has, `needed` what a client must therefore send: that without a default.
    """

    name: str
    endpoint: str
    description: str
    schema: Schema
    extensions: tuple[Schema, ...] = ()
    own: tuple[Schema, ...] | None = None
    hidden: frozenset[str] = field(init=False, repr=False)
    core: dict[str, Attribute] = field(init=False, repr=False)
    urns: dict[str, Schema] = field(init=False, repr=False)
    longest_first: tuple[tuple[str, Schema], ...] = field(init=False, repr=False)
    required: tuple[str, ...] = field(init=False, repr=False)
    needed: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        hidden = {
            each.name.lower() for schema in self.own or () for each in schema.attributes if each.is_hidden
        }
        object.__setattr__(self, "hidden", frozenset(hidden))
        core = {each.name.lower(): each for each in COMMON} | self.schema.by_name
        object.__setattr__(self, "core", core)
        urns = {each.id.lower(): each for each in (self.schema, *self.extensions)}
        object.__setattr__(self, "urns", urns)
        former = {old: each for each in self.extensions for old in each.former_ids}
        longest = sorted((former | urns).items(), key=lambda each: -len(each[0]))
        object.__setattr__(self, "longest_first", tuple(longest))
        required = [each for each in self.schema.attributes if each.required]
        object.__setattr__(self, "required", tuple(each.name for each in required))
        object.__setattr__(self, "needed", tuple(each.name for each in required if each.default is None))

    def find(self, path: AttributePath) -> Place | None:
        """Return where the path leads, or None when no schema of this type knows it. Case of letters is free."""
        if path.urn is None:
            return self._within(None, path.name, path.sub)
        schema = self.urns.get(path.urn.lower())
        place = self._within(schema, path.name, path.sub) if schema is not None else None
        return place or self._split(str(path))

    def find_anywhere(self, path: AttributePath) -> Place | None:
        """Return where the path leads; a name without URN that the core does not know is looked for in the extensions, in their order.

        Entra sets `department` and asks `id eq "…" and manager eq "…"`, as AWS documents it; i2scim's tests ask for `manager`.
        """
        place = self.find(path)
        if place is not None or path.urn is not None:
            return place
        found = (self.find(AttributePath(each.id, path.name, path.sub)) for each in self.extensions)
        return next((each for each in found if each is not None), None)

    def _within(self, schema: Schema | None, name: str, sub: str | None) -> Place | None:
        is_core = schema is None or schema is self.schema
        attribute = self.core.get(name.lower()) if schema is None or is_core else schema.attribute(name)
        if attribute is None:
            return None
        part = attribute.sub(sub) if sub is not None else None
        if sub is not None and part is None:
            return None
        return Place(None if schema is None or is_core else schema.id, attribute, part)

    def _split(self, text: str) -> Place | None:
        """Find a URN at the beginning, the longest first: alone, or joined to its attribute by a dot, as some clients do."""
        for urn, schema in self.longest_first:
            if not text.lower().startswith(urn):
                continue
            if len(text) == len(urn):
                return Place(None if schema is self.schema else schema.id, None, None)
            rest = attribute_path(text[len(urn) + 1 :]) if text[len(urn)] in ":." else None
            place = (
                self._within(schema, rest.name, rest.sub) if rest is not None and rest.urn is None else None
            )
            if place is not None:
                return place
        return None

    def document(self, base_url: str) -> dict[str, Any]:
        """Return the entry of /ResourceTypes; `base_url` is the address of the service, without a slash."""
        return {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": self.name,
            "name": self.name,
            "endpoint": self.endpoint,
            "description": self.description,
            "schema": self.schema.id,
            "schemaExtensions": [{"schema": each.id, "required": False} for each in self.extensions],
            "meta": {"resourceType": "ResourceType", "location": f"{base_url}/ResourceTypes/{self.name}"},
        }
