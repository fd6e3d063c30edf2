"""An organization's own schemas over the REST API: attributes of people that its directories may write besides the standard ones."""

# ruff: noqa: N815 - the names of an attribute's characteristics are the RFC's, so that a SCIM schema can be pasted as it is

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import tenancy
from identity.api.organization import OrganizationView
from identity.api.shapes import Flag, Strict, Text, several
from identity.api.view import describe
from scim import own_schemas
from scim.models import ExtensionSchema
from scim.schemas import definition


def _texts(most: int, longest: int) -> serializers.ListField:
    return serializers.ListField(child=Text(max_length=longest), required=False, max_length=most)


class Characteristics(Strict):
    """What RFC 7643, section 7, lets one say about an attribute; only its name is needed."""

    name = Text(max_length=definition.NAME_CHARACTERS_MAX)
    type = serializers.ChoiceField(choices=definition.TYPES, required=False)
    description = Text(required=False, allow_blank=True, max_length=definition.TEXT_CHARACTERS_MAX)
    multiValued = Flag(required=False)
    required = Flag(required=False)  # type: ignore[assignment]  # DRF takes fields away from the class
    caseExact = Flag(required=False)
    canonicalValues = _texts(definition.CANONICAL_VALUES_MAX, definition.VALUE_CHARACTERS_MAX)
    referenceTypes = _texts(definition.REFERENCE_TYPES_MAX, definition.NAME_CHARACTERS_MAX)
    mutability = serializers.ChoiceField(choices=definition.MUTABILITIES, required=False)
    returned = serializers.ChoiceField(choices=definition.RETURNED, required=False)
    uniqueness = serializers.ChoiceField(choices=["none"], required=False)


class NewAttribute(Characteristics):
    """An attribute. One of type `complex` has `subAttributes`, each of one plain value."""

    subAttributes = several(Characteristics, most=definition.PARTS_MAX, required=False)


class SchemaBody(Strict):
    """A schema without its URN, which never changes."""

    name = Text(max_length=definition.NAME_CHARACTERS_MAX)
    description = Text(
        required=False, allow_blank=True, max_length=definition.TEXT_CHARACTERS_MAX, default=""
    )
    attributes = several(NewAttribute, most=definition.ATTRIBUTES_MAX)


class NewSchema(SchemaBody):
    """A schema of the organization's own, as urn:acme:scim:schemas:hr:2.0:User."""

    urn = Text(max_length=definition.URN_CHARACTERS_MAX)


class ShownSchema(serializers.Serializer[Any]):
    """A schema. `attributes` say everything, also what was left to its default."""

    id = serializers.UUIDField()
    urn = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    attributes = serializers.ListField(child=serializers.DictField())
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class Schemas(OrganizationView):
    """The schemas of the organization."""

    needs = {"GET": ("directories.read",), "POST": ("directories.write",)}

    @describe("schemas", lists=ShownSchema)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the organization's own schemas."""
        with tenancy.of(self.organization):
            return self.paged(ExtensionSchema.objects.filter(organization=self.organization), ShownSchema)

    @describe("schema_define", takes=NewSchema, gives=ShownSchema, status=201)
    def post(self, _request: Request, **_: Any) -> Response:
        """Define a schema. The organization's directories see it, and may write its attributes, from their next request on."""
        made = own_schemas.define(self.organization, actor=self.actor, **self.taken(NewSchema))
        return Response(ShownSchema(made).data, status=201)


class OneSchema(OrganizationView):
    """One schema."""

    needs = {"GET": ("directories.read",), "PUT": ("directories.write",), "DELETE": ("directories.write",)}

    def schema_row(self) -> ExtensionSchema:
        """Return the schema that the address names. Raises NotFound."""
        return self.one(ExtensionSchema, self.kwargs["schema_id"])

    @describe("schema", gives=ShownSchema)
    def get(self, _request: Request, **_: Any) -> Response:
        """Show the schema."""
        return Response(ShownSchema(self.schema_row()).data)

    @describe("schema_change", takes=SchemaBody, gives=ShownSchema)
    def put(self, _request: Request, **_: Any) -> Response:
        """Put another definition in its place. Values of an attribute that is gone are kept, and shown to no directory."""
        changed = own_schemas.change(self.schema_row(), actor=self.actor, **self.taken(SchemaBody))
        return Response(ShownSchema(changed).data)

    @describe("schema_delete", status=204)
    def delete(self, _request: Request, **_: Any) -> Response:
        """Take the schema away. Its values are kept, shown to no directory, and are there when it is defined again."""
        own_schemas.delete(self.schema_row(), actor=self.actor)
        return Response(status=204)
