"""Invitations, and the mail that they queue."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import csv_import, invitations, tenancy
from identity.api.access_shapes import GRANTS_MAX, ROLES_MAX, Grant
from identity.api.organization import OrganizationView
from identity.api.permissions import require
from identity.api.shapes import Moment, Strict, Text, several
from identity.api.view import describe
from identity.errors import Invalid
from identity.handing_out import refuse_stronger_roles
from identity.models import Invitation

_EMAILS_MAX = 500


class NewInvitations(Strict):
    """Whom to invite: `emails`, or `text` as it was pasted (lines, commas, a column of a spreadsheet); the access is everybody's."""

    emails = serializers.ListField(child=Text(max_length=254), required=False, max_length=_EMAILS_MAX)
    text = Text(required=False, max_length=csv_import.TEXT_LENGTH_MAX)
    roles = serializers.ListField(child=Text(max_length=63), required=False, max_length=ROLES_MAX)
    grants = several(Grant, most=GRANTS_MAX, required=False)
    expires_at = Moment(required=False)

    def validate(self, attrs: Any) -> Any:
        """Take exactly one of the two lists."""
        if ("emails" in attrs) == ("text" in attrs):
            raise serializers.ValidationError({"emails": ["Send either `emails` or `text`."]})
        return attrs


class Resent(Strict):
    """The mail again, with a new end if one is given."""

    expires_at = Moment(required=False)


class ShownInvitation(serializers.Serializer[Any]):
    """An invitation. It is open until it is accepted, withdrawn (or closed by its end) or `expires_at` has passed."""

    id = serializers.UUIDField()
    email = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    grants = Grant(many=True)
    member = serializers.UUIDField(source="member_id", allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    accepted_at = serializers.DateTimeField(allow_null=True)
    withdrawn_at = serializers.DateTimeField(allow_null=True)


class ShownInvited(serializers.Serializer[Any]):
    """What became of one address: its invitation, or the `refusal`: invalid, already_invited, already_member."""

    email = serializers.CharField()
    invitation = ShownInvitation(allow_null=True)
    refusal = serializers.CharField(allow_blank=True)


class InvitedList(serializers.Serializer[Any]):
    """Each address with what became of it."""

    items = ShownInvited(many=True)


class Invitations(OrganizationView):
    """The invitations of the organization."""

    needs = {"GET": ("members.read",), "POST": ("members.write",)}

    @describe("invitations", lists=ShownInvitation)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the invitations, the closed ones too."""
        with tenancy.of(self.organization):
            return self.paged(Invitation.objects.filter(organization=self.organization), ShownInvitation)

    @describe("invitations_create", takes=NewInvitations, gives=InvitedList)
    def post(self, _request: Request, **_: Any) -> Response:
        """Invite a list of addresses, each for itself. Roles and grants that come with it need access.write."""
        wanted = self.taken(NewInvitations)
        access = {name: wanted[name] for name in ("roles", "grants") if name in wanted}
        if access:
            require(self.caller, "access.write")
            refuse_stronger_roles(self.caller, self.organization, access.get("roles", ()))
        emails = wanted.get("emails") or csv_import.addresses(wanted.get("text", ""))
        if len(emails) > _EMAILS_MAX:
            raise Invalid(f"At most {_EMAILS_MAX} addresses in one request; send several.", field="text")
        outcome = invitations.create_many(
            self.organization, emails, actor=self.actor, access=access, expires_at=wanted.get("expires_at")
        )
        return Response(InvitedList({"items": outcome}).data)


class OneInvitation(OrganizationView):
    """One invitation."""

    needs = {"GET": ("members.read",), "DELETE": ("members.write",)}

    @describe("invitation", gives=ShownInvitation)
    def get(self, _request: Request, invitation: UUID, **_: Any) -> Response:
        """Show the invitation."""
        return Response(ShownInvitation(self.one(Invitation, invitation)).data)

    @describe("invitation_withdraw", status=204)
    def delete(self, _request: Request, invitation: UUID, **_: Any) -> Response:
        """Take the invitation back; mail that still waits is not sent."""
        invitations.withdraw(self.one(Invitation, invitation), actor=self.actor)
        return Response(status=204)


class Resending(OrganizationView):
    """The mail again."""

    needs = {"POST": ("members.write",)}

    @describe("invitation_resend", takes=Resent, gives=ShownInvitation)
    def post(self, _request: Request, invitation: UUID, **_: Any) -> Response:
        """Send the mail again."""
        found = self.one(Invitation, invitation)
        return Response(
            ShownInvitation(invitations.resend(found, actor=self.actor, **self.taken(Resent))).data
        )
