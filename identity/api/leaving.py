"""People leaving: lists with a preview, receipts, and how long it took."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import csv_import, leaving, receipts
from identity.api.exits import Leave, ShownReceipt
from identity.api.organization import OrganizationView
from identity.api.shapes import Id, Moment, Query, Strict, Text
from identity.api.tokens import ShownToken
from identity.api.view import describe
from identity.models import Member


class NamedLeavers(Strict):
    """Who leaves: `members` by id, user name or address, or `text` as pasted: lines, commas, or a CSV with a column user_name."""

    members = serializers.ListField(
        child=Text(max_length=1024), required=False, max_length=leaving.LEAVERS_MAX
    )
    text = Text(required=False, max_length=csv_import.TEXT_LENGTH_MAX)

    def validate(self, attrs: Any) -> Any:
        """Take exactly one of the two lists."""
        if ("members" in attrs) == ("text" in attrs):
            raise serializers.ValidationError({"members": ["Send either `members` or `text`."]})
        return attrs


class Leavers(Leave):
    """Who leaves, by id. `at` without a zone is in the organization's time zone; left out it is now.

    `hand_over_to` takes over their service tokens; left out those are revoked with the rest.
    """

    members = serializers.ListField(child=Id(), max_length=leaving.LEAVERS_MAX)
    at = Text(required=False, max_length=40)
    hand_over_to = Id(required=False, allow_null=True)


class ShownLeaver(serializers.Serializer[Any]):
    """Who is meant by a name, and what would end. `problem`: unknown, ambiguous, offboarded; empty if none."""

    named = serializers.CharField()
    member = serializers.UUIDField(source="member.pk", allow_null=True, default=None)
    user_name = serializers.CharField(source="member.user_name", default="")
    problem = serializers.CharField(allow_blank=True)
    ends = serializers.DictField(child=serializers.IntegerField())
    service_tokens = ShownToken(many=True)
    last_administrator = serializers.BooleanField()


class LeaverList(serializers.Serializer[Any]):
    """Each name of the list."""

    items = ShownLeaver(many=True)


class ShownLeft(serializers.Serializer[Any]):
    """What became of one member."""

    member = serializers.UUIDField(source="member.pk")
    user_name = serializers.CharField(source="member.user_name")
    receipt = ShownReceipt(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    handed_over = serializers.ListField(child=serializers.UUIDField())


class LeftList(serializers.Serializer[Any]):
    """Each member of the list."""

    items = ShownLeft(many=True)


class KeptReceipt(serializers.Serializer[Any]):
    """A receipt as it was kept. `digest` is SHA-256 of the body's canonical JSON (RFC 8785) and stands in the record.

    The body is null once the person is erased; the digest stays.
    """

    id = serializers.UUIDField()
    signalled_at = serializers.DateTimeField()
    done_at = serializers.DateTimeField()
    digest = serializers.CharField()
    body = serializers.DictField(allow_null=True)


class KeptReceipts(serializers.Serializer[Any]):
    """The member's receipts, the latest first."""

    items = KeptReceipt(many=True)


class Since(Query):
    """Of all offboardings, or of those since a time."""

    since = Moment(required=False)


class ShownTimes(serializers.Serializer[Any]):
    """Time to no access: from the signal until nothing was open any more."""

    count = serializers.IntegerField()
    p50_seconds = serializers.FloatField(allow_null=True)
    p95_seconds = serializers.FloatField(allow_null=True)
    max_seconds = serializers.FloatField(allow_null=True)


class OffboardingPreview(OrganizationView):
    """A list of leavers, before anything happens."""

    needs = {"POST": ("members.write",)}
    only_asks = True

    @describe("offboardings_preview", takes=NamedLeavers, gives=LeaverList)
    def post(self, _request: Request, **_: Any) -> Response:
        """Tell who is meant by each name, and what would end; nothing is changed."""
        wanted = self.taken(NamedLeavers)
        names = wanted["members"] if "members" in wanted else csv_import.names(wanted["text"])
        return Response(LeaverList({"items": leaving.preview(self.organization, names)}).data)


class Offboardings(OrganizationView):
    """Leavers, all or none."""

    needs = {"POST": ("members.write",)}

    @describe("offboardings", takes=Leavers, gives=LeftList)
    def post(self, _request: Request, **_: Any) -> Response:
        """Offboard all of them now, or have them offboarded at a date and hour."""
        wanted = self.taken(Leavers)
        at = leaving.moment(self.organization, wanted["at"]) if "at" in wanted else None
        outcome = leaving.offboard(
            self.organization,
            wanted["members"],
            actor=self.actor,
            reason=wanted["reason"],
            despite_last_administrator=wanted["despite_last_administrator"],
            hand_over_to=wanted.get("hand_over_to"),
            at=at,
        )
        return Response(LeftList({"items": outcome}).data)


class OffboardingTimes(OrganizationView):
    """How long it takes."""

    needs = {"GET": ("members.read",)}

    @describe("offboarding_times", gives=ShownTimes, asks=Since)
    def get(self, _request: Request, **_: Any) -> Response:
        """Show the organization's time to no access."""
        return Response(ShownTimes(receipts.times(self.organization, self.asked(Since).get("since"))).data)


class Receipts(OrganizationView):
    """The receipts of one member."""

    needs = {"GET": ("members.read",)}

    @describe("member_receipts", gives=KeptReceipts)
    def get(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Show the receipts of the member's offboardings, as they were kept."""
        return Response(KeptReceipts({"items": receipts.of_member(self.one(Member, member))}).data)
