"""The ways out, and back in."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import deadlines, members, tenancy
from identity.api.members import ShownMember
from identity.api.organization import OrganizationView
from identity.api.permissions import require
from identity.api.shapes import Flag, Moment, Reason, Strict
from identity.api.view import describe
from identity.errors import Offboarded
from identity.handing_out import refuse_stronger_roles
from identity.models import Member
from identity.returns import former_access


class Leave(Reason):
    """`despite_last_administrator` says that the organization may be left without an administrator."""

    despite_last_administrator = Flag(required=False, default=False)


class Reinstated(Reason):
    """`with_access` gives back what the offboarding ended, else the person begins anew."""

    with_access = Flag()


class End(Strict):
    """When the member leaves; null for never."""

    ends_at = Moment(allow_null=True)
    despite_last_administrator = Flag(required=False, default=False)


class ShownReceipt(serializers.Serializer[Any]):
    """What an offboarding ended. `already`: the member was out before, and nothing was left to end."""

    member_id = serializers.UUIDField()
    signalled_at = serializers.DateTimeField()
    done_at = serializers.DateTimeField()
    already = serializers.BooleanField()
    sessions = serializers.ListField(child=serializers.UUIDField())
    tokens = serializers.ListField(child=serializers.UUIDField())
    grants = serializers.ListField(child=serializers.UUIDField())
    roles = serializers.ListField(child=serializers.CharField())
    invitations = serializers.ListField(child=serializers.UUIDField())
    groups = serializers.ListField(child=serializers.CharField())


class Suspension(OrganizationView):
    """Shutting a member out for a while."""

    needs = {"POST": ("members.write",)}

    @describe("member_suspend", takes=Leave, gives=ShownMember)
    def post(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Shut the member out at once; grants, roles and groups stay, dormant."""
        found = self.one(Member, member)
        changed = members.suspend(found, actor=self.actor, **self.taken(Leave))
        if changed.state == Member.State.OFFBOARDED:
            raise Offboarded("This member is offboarded, and so is out already.")
        return Response(ShownMember(changed).data)


class Reactivation(OrganizationView):
    """Letting a suspended member in again."""

    needs = {"POST": ("members.write",)}

    @describe("member_reactivate", takes=Reason, gives=ShownMember)
    def post(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Let a suspended member in again, with everything they had."""
        found = self.one(Member, member)
        return Response(ShownMember(members.reactivate(found, actor=self.actor, **self.taken(Reason))).data)


class Offboarding(OrganizationView):
    """Putting a member out for good."""

    needs = {"POST": ("members.write",)}

    @describe("member_offboard", takes=Leave, gives=ShownReceipt)
    def post(self, _request: Request, member: UUID, **_: Any) -> Response:
        """End everything the member holds, for good, and answer with the receipt."""
        found = self.one(Member, member)
        receipt = members.offboard(found, actor=self.actor, **self.taken(Leave))
        return Response(ShownReceipt(receipt).data)


class FormerGrant(serializers.Serializer[Any]):
    """A grant that an offboarding ended."""

    kind = serializers.CharField(source="resource.kind.name")
    id = serializers.CharField(source="resource.key")
    name = serializers.CharField(source="resource.name", allow_blank=True)
    permission = serializers.CharField()


class FormerAccess(serializers.Serializer[Any]):
    """What `with_access` would give back, as an administrator's own; nothing for somebody who is not offboarded.

    Groups come back when their directory, or an administrator, puts the person into them again.
    """

    grants = FormerGrant(many=True)
    roles = serializers.ListField(child=serializers.CharField())


class Reinstatement(OrganizationView):
    """Taking an offboarding back."""

    needs = {"GET": ("members.read", "access.read"), "POST": ("members.write",)}

    @describe("member_former_access", gives=FormerAccess)
    def get(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Show what the offboarding ended and `with_access` would give back."""
        found = self.one(Member, member)
        with tenancy.of(self.organization):
            former_grants, former_roles = former_access(found)
            value = {"grants": former_grants, "roles": [held.role.name for held in former_roles]}
            return Response(FormerAccess(value).data)

    @describe("member_reinstate", takes=Reinstated, gives=ShownMember)
    def post(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Bring an offboarded member back, with or without what the offboarding ended (this one needs access.write too)."""
        found = self.one(Member, member)
        wanted = self.taken(Reinstated)
        if wanted["with_access"]:
            require(self.caller, "access.write")
            with tenancy.of(self.organization):
                _grants, lost = former_access(found)
                names = [held.role.name for held in lost]
            refuse_stronger_roles(self.caller, self.organization, names, "with_access")
        return Response(ShownMember(members.reinstate(found, actor=self.actor, **wanted)).data)


class Ending(OrganizationView):
    """The day on which a member leaves."""

    needs = {"PUT": ("members.write",)}

    @describe("member_end", takes=End, gives=ShownMember)
    def put(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Have the member offboarded at that time, or never."""
        found = self.one(Member, member)
        changed = deadlines.schedule_end(found, actor=self.actor, **self.taken(End))
        return Response(ShownMember(changed).data)
