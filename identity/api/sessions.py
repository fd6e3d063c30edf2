"""The browsers in which a member is signed in."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import credential_ends, sessions, tenancy
from identity.api.organization import OrganizationView
from identity.api.view import describe
from identity.models import Member, Session


class ShownSession(serializers.Serializer[Any]):
    """One signed-in browser. `connection_id` is the SAML connection by which the member came, null for a password."""

    id = serializers.UUIDField()
    connection_id = serializers.UUIDField(allow_null=True)
    ip = serializers.CharField(allow_blank=True)
    user_agent = serializers.CharField(allow_blank=True)
    started_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class Sessions(OrganizationView):
    """A member's sessions."""

    needs = {"GET": ("members.read",), "DELETE": ("members.write",)}

    @describe("member_sessions", lists=ShownSession)
    def get(self, _request: Request, member: UUID, **_: Any) -> Response:
        """List the open sessions."""
        found = self.one(Member, member)
        with tenancy.of(self.organization):
            return self.paged(sessions.open_sessions(found), ShownSession)

    @describe("member_sessions_end", status=204)
    def delete(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Sign the member out everywhere."""
        found = self.one(Member, member)
        with tenancy.change(self.organization):
            named = list(sessions.open_sessions(found).select_related("member"))
            credential_ends.end_named(named, actor=self.actor, reason="administrator")
        return Response(status=204)


class OneSession(OrganizationView):
    """One session of a member."""

    needs = {"DELETE": ("members.write",)}

    @describe("member_session_end", status=204)
    def delete(self, _request: Request, member: UUID, session: UUID, **_: Any) -> Response:
        """Sign the member out of this browser."""
        sessions.end(self.one(Session, session, member=member), actor=self.actor, reason="administrator")
        return Response(status=204)
