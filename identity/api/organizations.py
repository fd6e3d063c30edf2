"""Organizations: operators make them, each one sees its own."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import organizations, tenancy
from identity.api.access_shapes import FirstPermissions
from identity.api.organization import OrganizationView
from identity.api.permissions import ANYBODY
from identity.api.shapes import Flag, Strict, Text, Whole
from identity.api.view import ApiView, describe
from identity.handing_out import OPERATOR, refuse_stronger_roles
from identity.models import Organization


class ShownOrganization(serializers.Serializer[Any]):
    """An organization. `defaults` are the first permissions of newcomers whose source brings none.

    `delete_after` is when it will be deleted at the earliest; null while nothing of the kind is scheduled.
    """

    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    access_model = serializers.ChoiceField(choices=Organization.AccessModel.choices)
    state = serializers.ChoiceField(choices=Organization.State.choices)
    operating = serializers.BooleanField(source="is_operating")
    email_unique = serializers.BooleanField()
    grace_days = serializers.IntegerField()
    session_hours = serializers.IntegerField()
    second_factor = serializers.ChoiceField(choices=Organization.SecondFactor.choices)
    time_zone = serializers.CharField()
    retention_days = serializers.IntegerField()
    defaults = serializers.DictField()
    created_at = serializers.DateTimeField()
    delete_after = serializers.DateTimeField(allow_null=True)


class NewOrganization(Strict):
    """A new organization: its slug stands in addresses and is never changed; the access model brings its first kinds."""

    name = Text(max_length=200)
    slug = Text(max_length=63)
    access_model = serializers.ChoiceField(choices=Organization.AccessModel.choices)


class ChangedOrganization(Strict):
    """What can be changed; what is left out stays."""

    name = Text(max_length=200, required=False)
    email_unique = Flag(required=False)
    grace_days = Whole(required=False, min_value=0, max_value=3650)
    session_hours = Whole(required=False, min_value=1, max_value=720)
    second_factor = serializers.ChoiceField(required=False, choices=Organization.SecondFactor.choices)
    time_zone = Text(max_length=64, required=False)
    retention_days = Whole(required=False, min_value=0, max_value=3650)
    defaults = FirstPermissions(required=False)


class Organizations(ApiView):
    """All organizations for an operator, the caller's own for anybody else."""

    needs = {"GET": ANYBODY, "POST": (OPERATOR, "organization.write")}

    @describe("organizations", lists=ShownOrganization)
    def get(self, _request: Request) -> Response:
        """List organizations."""
        if self.caller.is_operator:
            with tenancy.everywhere("an operator lists organizations"):
                return self.paged(Organization.objects.all(), ShownOrganization)
        own = self.caller.organization
        with tenancy.of(own):  # type: ignore[arg-type]  # only an operator has none
            return self.paged(Organization.objects.filter(pk=own.pk), ShownOrganization)  # type: ignore[union-attr]

    @describe("organization_create", takes=NewOrganization, gives=ShownOrganization, status=201)
    def post(self, _request: Request) -> Response:
        """Create an organization with the kinds of its access model and the built-in roles."""
        made = organizations.create(**self.taken(NewOrganization), actor=self.caller.as_operator)
        return Response(ShownOrganization(made).data, status=201)


class OneOrganization(OrganizationView):
    """One organization."""

    needs = {"GET": ANYBODY, "PATCH": ("organization.write",)}

    @describe("organization", gives=ShownOrganization)
    def get(self, _request: Request, **_: Any) -> Response:
        """Show the organization."""
        return Response(ShownOrganization(self.organization).data)

    @describe("organization_change", takes=ChangedOrganization, gives=ShownOrganization)
    def patch(self, _request: Request, **_: Any) -> Response:
        """Change what is given, and show the organization as it then is."""
        values = self.taken(ChangedOrganization)
        refuse_stronger_roles(
            self.caller, self.organization, values.get("defaults", {}).get("roles", ()), "defaults.roles"
        )
        changed = organizations.change(self.organization, actor=self.actor, **values)
        return Response(ShownOrganization(changed).data)
