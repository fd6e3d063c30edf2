"""A password link over the API: made by whoever may do as much as the member, in the answer and nowhere else."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import password_links
from identity.api.organization import OrganizationView
from identity.api.view import describe
from identity.models import Member


class ShownPasswordLink(serializers.Serializer[Any]):
    """The address under which the member sets a password, once, until `expires_at`. It is shown this once: hand it over yourself."""

    url = serializers.CharField()
    expires_at = serializers.DateTimeField()


class PasswordLink(OrganizationView):
    """A link by which a member sets a password of their own."""

    needs = {"POST": ("members.write",)}

    @describe("member_password_link", gives=ShownPasswordLink, status=201)
    def post(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Make a link, for a member who is active and may do no more than the caller. They are written to, without the link."""
        made = password_links.make(self.one(Member, member), actor=self.actor, holder=self.caller)
        return Response(ShownPasswordLink(made).data, status=201, headers={"Cache-Control": "no-store"})
