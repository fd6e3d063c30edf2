"""`GET /me`: who this session or token is."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import roles
from identity.api.permissions import ANYBODY
from identity.api.view import ApiView, describe


class MyOrganization(serializers.Serializer[Any]):
    """The caller's organization, in short."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()


class MyMember(serializers.Serializer[Any]):
    """The member who is signed in, or who owns the token."""

    id = serializers.UUIDField()
    user_name = serializers.CharField()
    email = serializers.CharField()
    display_name = serializers.CharField()


class MyToken(serializers.Serializer[Any]):
    """The token that was sent, without its secret."""

    id = serializers.UUIDField()
    prefix = serializers.CharField()
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)


class Me(serializers.Serializer[Any]):
    """Who calls, and what they may do. `kind`: member (a session), token, directory, operator."""

    kind = serializers.ChoiceField(choices=["member", "token", "directory", "operator"])
    operator = serializers.BooleanField(source="is_operator")
    organization = MyOrganization(allow_null=True)
    member = MyMember(allow_null=True)
    token = MyToken(allow_null=True)
    roles = serializers.SerializerMethodField()
    capabilities = serializers.SerializerMethodField()

    def get_roles(self, caller: Any) -> list[str]:
        """Return the names of the member's roles."""
        return roles.names_of(caller.member) if caller.member else []

    def get_capabilities(self, caller: Any) -> list[str]:
        """Return what the caller may do, in the order of the documentation."""
        return [capability for capability in roles.CAPABILITIES if capability in caller.capabilities]


class MeView(ApiView):
    """Who calls."""

    needs = {"GET": ANYBODY}

    @describe("me", gives=Me)
    def get(self, _request: Request) -> Response:
        """Tell who this session or token is."""
        return Response(Me(self.caller).data)
