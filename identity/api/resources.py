"""Resources and their kinds: what access can be given on, told to us by the product."""

from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import resources, tenancy
from identity.api.organization import OrganizationView
from identity.api.paging import Page
from identity.api.shapes import Strict, Text
from identity.api.view import describe
from identity.models import Kind, Resource

_WORD = RegexValidator(r"^[a-z][a-z0-9_]*\Z", "Write lowercase letters, digits and underscores.")


class ResourceRow(Strict):
    """A resource to register. `id` is the product's own; `parent` the product's id of a resource of the kind above, null for none.

    What is left out stays as it is.
    """

    kind = Text(max_length=63)
    id = Text(max_length=200)
    name = Text(required=False, allow_blank=True, max_length=500)
    parent = Text(  # type: ignore[assignment]  # DRF takes fields away from the class
        required=False, allow_blank=True, allow_null=True, max_length=200
    )


class ShownResource(serializers.Serializer[Any]):
    """A resource."""

    kind = serializers.CharField(source="kind.name")
    id = serializers.CharField(source="key")
    name = serializers.CharField(allow_blank=True)
    parent = serializers.CharField(  # type: ignore[assignment]  # the same
        source="parent.key", allow_null=True, default=None
    )


class Registered(serializers.Serializer[Any]):
    """What a registration did, in numbers of resources."""

    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()


class ResourceQuery(Page):
    """Which resources."""

    kind = serializers.CharField(required=False, max_length=63)


class Resources(OrganizationView):
    """What access can be given on."""

    needs = {"GET": ("resources.read",), "PUT": ("resources.write",)}

    @describe("resources", lists=ShownResource, asks=ResourceQuery)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the registered resources, of one kind if it is named."""
        query = self.asked(ResourceQuery)
        with tenancy.of(self.organization):
            rows = Resource.objects.filter(organization=self.organization, retired_at__isnull=True)
            if "kind" in query:
                rows = rows.filter(kind__name=query["kind"])
            return self.paged(rows.select_related("kind", "parent"), ShownResource, query)

    @describe("resources_register", takes=ResourceRow(many=True), gives=Registered)
    def put(self, _request: Request, **_: Any) -> Response:
        """Create or update many resources, parents in any order, all or nothing. Resources that are not named stay as they are."""
        rows = self.taken(ResourceRow, many=True)
        return Response(Registered(resources.register(self.organization, rows, actor=self.actor)).data)


class NewKind(Strict):
    """A kind of the organization's own; permissions from weak to strong."""

    name = Text(max_length=63, validators=[_WORD])
    parent = Text(  # type: ignore[assignment]  # DRF takes fields away from the class
        required=False, allow_null=True, max_length=63
    )
    permissions = serializers.ListField(
        child=Text(max_length=63, validators=[_WORD]), min_length=1, max_length=20
    )


class ShownKind(serializers.Serializer[Any]):
    """A kind of resource."""

    name = serializers.CharField()
    parent = serializers.CharField(  # type: ignore[assignment]  # the same
        source="parent.name", allow_null=True, default=None
    )
    permissions = serializers.ListField(child=serializers.CharField())


class Kinds(OrganizationView):
    """The kinds of resources."""

    needs = {"GET": ("resources.read",), "POST": ("resources.write",)}

    @describe("kinds", lists=ShownKind)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the kinds: those of the access model and the organization's own."""
        with tenancy.of(self.organization):
            rows = Kind.objects.filter(organization=self.organization).select_related("parent")
            return self.paged(rows, ShownKind)

    @describe("kind_define", takes=NewKind, gives=ShownKind, status=201)
    def post(self, _request: Request, **_: Any) -> Response:
        """Define a kind of the organization's own."""
        made = resources.define_kind(self.organization, actor=self.actor, **self.taken(NewKind))
        return Response(ShownKind(made).data, status=201)
