"""The quirk doctor over the REST API."""

from dataclasses import asdict
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import tenancy
from identity.api.organization import DirectoryView
from identity.api.shapes import Query
from identity.api.view import describe
from scim import doctor


class Days(Query):
    """How far to look back."""

    days = serializers.IntegerField(min_value=1, max_value=365, default=doctor.DAYS_DEFAULT, required=False)


class ShownClient(serializers.Serializer[Any]):
    """Somebody who calls with this directory's tokens. `name` is an `idp`, empty where the traffic doesn't tell."""

    name = serializers.CharField(allow_blank=True)
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # DRF takes fields away from the class
    user_agent = serializers.CharField(allow_blank=True)
    requests = serializers.IntegerField()
    last_seen = serializers.DateTimeField()


class ShownFinding(serializers.Serializer[Any]):
    """One thing to know, and what to click on the other side. `places`: attributes or names it was seen at."""

    kind = serializers.ChoiceField(choices=["problem", "notice"])
    code = serializers.CharField()
    title = serializers.CharField()
    advice = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()
    last_seen = serializers.DateTimeField(allow_null=True)
    places = serializers.ListField(child=serializers.CharField())


class ShownNameApart(serializers.Serializer[Any]):
    """A member whose SAML NameID is neither SCIM's userName nor its externalId."""

    member_id = serializers.UUIDField()
    user_name = serializers.CharField()
    name_id = serializers.CharField()
    is_email = serializers.BooleanField()
    signed_in_at = serializers.DateTimeField()


class ShownReport(serializers.Serializer[Any]):
    """What the doctor found."""

    days = serializers.IntegerField()
    since = serializers.DateTimeField()
    cut = serializers.BooleanField()
    clients = ShownClient(many=True)
    findings = ShownFinding(many=True)
    names_apart = ShownNameApart(many=True)


class Doctor(DirectoryView):
    """The doctor of one directory."""

    needs = {"GET": ("directories.read", "members.read")}

    @describe("directory_doctor", gives=ShownReport, asks=Days)
    def get(self, _request: Request, **_: Any) -> Response:
        """Examine the directory: who calls, what goes wrong, and what to click there."""
        directory = self.directory()
        days = self.asked(Days)["days"]
        with tenancy.of(self.organization):
            return Response(ShownReport(asdict(doctor.examine(directory, days=days))).data)
