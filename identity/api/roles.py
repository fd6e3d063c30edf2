"""Roles: named sets of capabilities."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import roles, tenancy
from identity.api.organization import OrganizationView
from identity.api.shapes import Strict, Text
from identity.api.view import describe
from identity.handing_out import refuse_more_than_own
from identity.models import Role


class NewRole(Strict):
    """A role of the organization's own; `name` is what identity providers assert."""

    name = Text(max_length=63)
    label = Text(  # type: ignore[assignment]  # DRF takes fields away from the class
        required=False, allow_blank=True, max_length=200
    )
    capabilities = serializers.ListField(
        child=serializers.ChoiceField(choices=roles.CAPABILITIES), required=False, max_length=50
    )


class ShownRole(serializers.Serializer[Any]):
    """A role."""

    name = serializers.CharField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # the same
    capabilities = serializers.ListField(child=serializers.CharField())
    built_in = serializers.BooleanField()


class Roles(OrganizationView):
    """The roles of the organization."""

    needs = {"GET": ("access.read",), "POST": ("access.write",)}

    @describe("roles", lists=ShownRole)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the roles, built in and own."""
        with tenancy.of(self.organization):
            return self.paged(Role.objects.filter(organization=self.organization), ShownRole)

    @describe("role_define", takes=NewRole, gives=ShownRole, status=201)
    def post(self, _request: Request, **_: Any) -> Response:
        """Define a role. Nobody defines one stronger than themselves."""
        values = self.taken(NewRole)
        refuse_more_than_own(self.caller, values.get("capabilities", ()), "capabilities")
        made = roles.define(self.organization, values.pop("name"), actor=self.actor, **values)
        return Response(ShownRole(made).data, status=201)
