"""What a member can reach, and the administrator's edits of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import access, grants, roles, tenancy
from identity.api.access_shapes import (
    EditedGrants,
    EditedRoles,
    EffectiveGrant,
    HeldRole,
    WantedGrants,
    WantedRoles,
)
from identity.api.members import specs
from identity.api.organization import OrganizationView
from identity.api.shapes import Moment, Query
from identity.api.view import describe
from identity.handing_out import refuse_stronger_roles
from identity.models import Member


class ShownAccess(serializers.Serializer[Any]):
    """What the member can reach. `dormant`: the member is suspended, so that nothing of it has effect until they are back.

    `at` is the time asked about, null for now; whoever was not `active` then had nothing. `state` is always today's.
    """

    member = serializers.UUIDField()
    at = serializers.DateTimeField(allow_null=True)
    active = serializers.BooleanField()
    state = serializers.ChoiceField(choices=Member.State.choices)
    dormant = serializers.BooleanField()
    grants = EffectiveGrant(many=True)
    roles = HeldRole(many=True)


class Time(Query):
    """Now, or `at` a time that has passed."""

    at = Moment(required=False)


class Access(OrganizationView):
    """A member's access."""

    needs = {"GET": ("access.read",)}

    @describe("member_access", gives=ShownAccess, asks=Time)
    def get(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Show the member's grants, own and inherited from parents, and roles, each with its origin and since when."""
        found = self.one(Member, member)
        at = self.asked(Time).get("at")
        return self.shown(found) if at is None else self.past(found, at)

    def past(self, member: Member, at: datetime) -> Response:
        """Answer the access as it was."""
        had = access.what_had(member, at)
        value = {
            "member": member.pk, "at": at, "active": had.active, "state": member.state, "dormant": False,
            "grants": had.access, "roles": had.roles,
        }  # fmt: skip
        return Response(ShownAccess(value).data)

    def shown(self, member: Member) -> Response:
        """Answer the access as it is now."""
        with tenancy.of(self.organization):
            member.refresh_from_db()
            held = access.roles_of(member)
            reached = access.reach(member)
        value = {
            "member": member.pk,
            "at": None,
            "active": member.is_active,
            "state": member.state,
            "dormant": member.state == Member.State.SUSPENDED,
            "grants": reached,
            "roles": held,
        }
        return Response(ShownAccess(value).data)

    def refuse_stronger_change(self, member: Member, names: Iterable[str]) -> None:
        """Raise Forbidden where a role given or taken holds a capability that the caller lacks."""
        with tenancy.of(self.organization):
            changed = set(names) ^ set(roles.names_of(member))
        refuse_stronger_roles(self.caller, self.organization, changed)


class Grants(Access):
    """An administrator's edit of the grants."""

    needs = {"PUT": ("access.write",), "PATCH": ("access.write",)}
    http_method_names = ["put", "patch"]

    @describe("member_grants_edit", takes=EditedGrants, gives=ShownAccess)
    def patch(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Give some grants and end others. No machine path touches them afterwards."""
        found = self.one(Member, member)
        wanted = self.taken(EditedGrants)
        giving, ending = (specs(wanted.get(word, [])) for word in ("give", "end"))
        grants.edit(found, giving=giving, ending=ending, actor=self.actor)
        return self.shown(found)

    @describe("member_grants_replace", takes=WantedGrants, gives=ShownAccess)
    def put(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Give the member exactly these grants (and roles, if given). No machine path touches them afterwards."""
        found = self.one(Member, member)
        wanted = self.taken(WantedGrants)
        if "roles" in wanted:
            self.refuse_stronger_change(found, wanted["roles"])
        with tenancy.change(self.organization):
            grants.replace(found, specs(wanted["grants"]), actor=self.actor)
            if "roles" in wanted:
                roles.replace(found, wanted["roles"], actor=self.actor)
        return self.shown(found)


class MemberRoles(Access):
    """An administrator's edit of the roles."""

    needs = {"PUT": ("access.write",), "PATCH": ("access.write",)}
    http_method_names = ["put", "patch"]

    @describe("member_roles_edit", takes=EditedRoles, gives=ShownAccess)
    def patch(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Give some roles and end others. No machine path touches them afterwards."""
        found = self.one(Member, member)
        wanted = self.taken(EditedRoles)
        giving, ending = wanted.get("give", []), wanted.get("end", [])
        refuse_stronger_roles(self.caller, self.organization, {*giving, *ending})
        roles.edit(found, giving=giving, ending=ending, actor=self.actor)
        return self.shown(found)

    @describe("member_roles_replace", takes=WantedRoles, gives=ShownAccess)
    def put(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Give the member exactly these roles. No machine path touches them afterwards."""
        found = self.one(Member, member)
        wanted = self.taken(WantedRoles)["roles"]
        self.refuse_stronger_change(found, wanted)
        roles.replace(found, wanted, actor=self.actor)
        return self.shown(found)
