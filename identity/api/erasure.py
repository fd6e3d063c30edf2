"""Erasing a person."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import erasure
from identity.api.organization import OrganizationView
from identity.api.shapes import Reason
from identity.api.view import describe
from identity.models import Member


class ShownErased(serializers.Serializer[Any]):
    """How many entries of the record lost their detail; the entries themselves stay and still prove.

    Of somebody of whom very much is kept, the rest is forgotten within minutes: `finished` is false, and true when it is asked again then.
    """

    member_id = serializers.UUIDField()
    details = serializers.IntegerField()
    already = serializers.BooleanField()
    finished = serializers.BooleanField()


class Erasure(OrganizationView):
    """Forgetting who somebody was."""

    needs = {"POST": ("members.write", "organization.write")}

    @describe("member_erase", takes=Reason, gives=ShownErased)
    def post(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Forget who an offboarded member was. Cannot be undone; `reason` stays in the record, so name nobody in it."""
        found = self.one(Member, member)
        return Response(ShownErased(erasure.erase(found, actor=self.actor, **self.taken(Reason))).data)
