"""How an organization's people sign in, over the REST API."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import tenancy
from identity.api.organization import OrganizationView
from identity.api.permissions import ANYBODY
from identity.api.shapes import Flag, Id, Strict, Text
from identity.api.view import describe
from identity.models import Organization
from saml import sign_on


class ChangedSignOn(Strict):
    """What can be changed; what is left out stays.

    `sign_on`: single_sign_on keeps passwords out, except that of the member `break_glass`. `sso_identifier`: a DNS name by
    which people find the door, or null. `start_here`: false lets sign-in begin at the identity provider alone.
    """

    sign_on = serializers.ChoiceField(choices=Organization.SignOn.choices, required=False)
    break_glass = Id(required=False, allow_null=True)
    sso_identifier = Text(max_length=300, required=False, allow_null=True)
    start_here = Flag(required=False)


class ShownSignOn(serializers.Serializer[Any]):
    """How people sign in. `warnings` say what is wrong with it now, in sentences."""

    sign_on = serializers.ChoiceField(choices=Organization.SignOn.choices)
    break_glass = serializers.UUIDField(source="break_glass_id", allow_null=True)
    sso_identifier = serializers.CharField(allow_null=True)
    start_here = serializers.BooleanField()
    warnings = serializers.SerializerMethodField()

    def get_warnings(self, organization: Any) -> list[str]:
        """Return what is wrong now."""
        with tenancy.of(organization):
            return sign_on.warnings(organization)


class SignOn(OrganizationView):
    """How the organization's people sign in."""

    needs = {"GET": ANYBODY, "PATCH": ("organization.write",)}

    @describe("sign_on", gives=ShownSignOn)
    def get(self, _request: Request, **_: Any) -> Response:
        """Show how people sign in."""
        return Response(ShownSignOn(self.organization).data)

    @describe("sign_on_change", takes=ChangedSignOn, gives=ShownSignOn)
    def patch(self, _request: Request, **_: Any) -> Response:
        """Change what is given, and show what then holds."""
        values = self.taken(ChangedSignOn)
        if "break_glass" in values:
            values["break_glass_id"] = values.pop("break_glass")
        return Response(ShownSignOn(sign_on.change(self.organization, actor=self.actor, **values)).data)
