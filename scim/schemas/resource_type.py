"""A resource type: which schemas make a User or a Group, and which attribute a written path means."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scim.filter.ast import AttributePath
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

    `required` names what a resource always has, `needed` what a client must therefore send: that without a default.
    """

    name: str
    endpoint: str
    description: str
    schema: Schema
    extensions: tuple[Schema, ...] = ()
    core: dict[str, Attribute] = field(init=False, repr=False)
    urns: dict[str, Schema] = field(init=False, repr=False)
    required: tuple[str, ...] = field(init=False, repr=False)
    needed: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        core = {each.name.lower(): each for each in COMMON} | self.schema.by_name
        object.__setattr__(self, "core", core)
        object.__setattr__(self, "urns", {each.id.lower(): each for each in (self.schema, *self.extensions)})
        required = [each for each in self.schema.attributes if each.required]
        object.__setattr__(self, "required", tuple(each.name for each in required))
        object.__setattr__(self, "needed", tuple(each.name for each in required if each.default is None))

    def find(self, path: AttributePath) -> Place | None:
        """Return where the path leads, or None when no schema of this type knows it. Case of letters is free."""
        if path.urn is None:
            attribute = self.core.get(path.name.lower())
            extension = None
        else:
            whole = self.urns.get(f"{path.urn}:{path.name}".lower())
            if whole is not None and path.sub is None:
                return Place(None if whole is self.schema else whole.id, None, None)
            if whole is not None and path.sub is not None:
                # Some clients join the URN and the attribute by a dot: urn:…:User.department.
                return self.find(AttributePath(whole.id, path.sub, None))
            schema = self.urns.get(path.urn.lower())
            if schema is None:
                return None
            extension = None if schema is self.schema else schema.id
            attribute = self.core.get(path.name.lower()) if extension is None else schema.attribute(path.name)
        if attribute is None:
            return None
        if path.sub is None:
            return Place(extension, attribute, None)
        sub = attribute.sub(path.sub)
        return None if sub is None else Place(extension, attribute, sub)

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
