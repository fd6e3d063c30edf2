"""A member's second factor, for administrators: whether there is one, and resetting it for somebody who lost it."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import second_factors
from identity.api.organization import OrganizationView
from identity.api.view import describe
from identity.errors import NotFound
from identity.handing_out import refuse_stronger_person
from identity.models import Member


class ShownSecondFactor(serializers.Serializer[Any]):
    """The authenticator app of a member; `enrolled_at` is null where there is none."""

    enrolled_at = serializers.DateTimeField(allow_null=True)
    recovery_codes_left = serializers.IntegerField()


class MemberSecondFactor(OrganizationView):
    """One member's second factor."""

    needs = {"GET": ("members.read",), "DELETE": ("members.write",)}

    @describe("member_second_factor", gives=ShownSecondFactor)
    def get(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Tell since when there is an app, and how many recovery codes are left."""
        found = self.one(Member, member)
        factor = second_factors.of(found)
        shown = {
            "enrolled_at": factor.enrolled_at if factor else None,
            "recovery_codes_left": second_factors.codes_left(found),
        }
        return Response(ShownSecondFactor(shown).data)

    @describe("member_second_factor_reset", status=204)
    def delete(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Remove the app and the recovery codes. Nobody does so for somebody who may do more than they."""
        found = self.one(Member, member)
        refuse_stronger_person(self.caller, found)
        if not second_factors.remove(found, actor=self.actor, reason="reset_by_administrator"):
            raise NotFound("This member has no second factor.")
        return Response(status=204)
