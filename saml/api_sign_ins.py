"""The sign-in log over the REST API: what succeeded, what failed and what to do about it, what never came back."""

from functools import partial
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import tenancy
from identity.api.organization import OrganizationView
from identity.api.paging import Page
from identity.api.shapes import Moment, Query
from identity.api.view import describe
from identity.downloads import CONTENT_TYPES, handed_out
from saml import attempt_details, sign_in_log
from saml.models import Attempt
from saml.presets import preset
from saml.refusals import CATALOGUE


class SignInsWanted(Query):
    """Which attempts. `person` is any part of the user name."""

    outcome = serializers.ChoiceField(choices=Attempt.Outcome.values, required=False)
    code = serializers.CharField(max_length=60, required=False)
    purpose = serializers.ChoiceField(choices=Attempt.Purpose.values, required=False)
    connection = serializers.UUIDField(required=False)
    member = serializers.UUIDField(required=False)
    person = serializers.CharField(max_length=sign_in_log.PERSON_CHARACTERS_MAX, required=False)
    since = Moment(required=False, help_text="From this time on.")
    until = Moment(required=False, help_text="Before this time.")


class SignInsAsked(SignInsWanted, Page):
    """Which attempts, and which page of them."""


class Step(serializers.Serializer[Any]):
    """One thing that happened."""

    at = serializers.CharField()
    step = serializers.CharField()


class SignIn(serializers.Serializer[Any]):
    """One attempt. A failed one says what its code means, what to do, and where to click in that identity provider."""

    id = serializers.UUIDField()
    connection = serializers.UUIDField(source="connection_id")
    connection_name = serializers.CharField(source="connection.name")
    purpose = serializers.CharField()
    outcome = serializers.ChoiceField(choices=Attempt.Outcome.values)
    code = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)
    means = serializers.SerializerMethodField()
    advice = serializers.SerializerMethodField()
    where = serializers.SerializerMethodField()
    member = serializers.UUIDField(source="member_id", allow_null=True)
    user_name = serializers.CharField(allow_blank=True)
    signed_by = serializers.CharField(allow_blank=True)
    steps = Step(many=True)
    ip = serializers.CharField(allow_blank=True)
    user_agent = serializers.CharField(allow_blank=True)
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_means(self, attempt: Any) -> str:
        """Return what the code means."""
        return CATALOGUE[attempt.code].means if attempt.code in CATALOGUE else ""

    def get_advice(self, attempt: Any) -> str:
        """Return what to do."""
        return CATALOGUE[attempt.code].fix if attempt.code in CATALOGUE else ""

    def get_where(self, attempt: Any) -> str:
        """Return where to click."""
        return preset(attempt.connection.idp_preset).place(attempt.code)


class OneSignIn(SignIn):
    """One attempt with the attributes received, which are kept for failed and test sign-ins."""

    attributes = serializers.SerializerMethodField()

    def get_attributes(self, attempt: Any) -> dict[str, list[str]]:
        """Return raw attribute name → values."""
        return attempt_details.attributes_of(attempt)


class SignIns(OrganizationView):
    """The sign-in log of the organization."""

    needs = {"GET": ("connections.read",)}

    @describe("sign_ins", lists=SignIn, asks=SignInsAsked)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the attempts, oldest first."""
        query = self.asked(SignInsAsked)
        wanted = {name: value for name, value in query.items() if name not in {"limit", "after"}}
        with tenancy.of(self.organization):
            narrowed = sign_in_log.Filter(**wanted)
            rows = sign_in_log.rows(self.organization, narrowed)
            return self.paged(rows, SignIn, query, among=sign_in_log.among(self.organization, narrowed))


class SignInsFile(OrganizationView):
    """The sign-in log as a file, streamed."""

    needs = {"GET": ("connections.read",)}
    form = ""

    def file(self) -> StreamingHttpResponse:
        """Answer with the file, of which nothing is read before it is sent."""
        wanted = sign_in_log.Filter(**self.asked(SignInsWanted))
        name = sign_in_log.file_name(self.organization, self.form)
        return handed_out(
            str(self.request.method),
            partial(sign_in_log.download, self.organization, self.form, wanted, actor=self.actor),
            CONTENT_TYPES[self.form],
            {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )


class SignInsCsv(SignInsFile):
    """The sign-in log as CSV (RFC 4180)."""

    form = "csv"

    @describe("sign_ins_csv", gives=OpenApiTypes.STR, asks=SignInsWanted, media="text/csv")
    def get(self, _request: Request, **_: Any) -> StreamingHttpResponse:
        """Download the sign-in log as CSV, or the part that the filters choose. The download is recorded."""
        return self.file()


class SignInsJsonl(SignInsFile):
    """The sign-in log as JSON Lines."""

    form = "jsonl"

    @describe("sign_ins_jsonl", gives=OpenApiTypes.STR, asks=SignInsWanted, media="application/jsonl")
    def get(self, _request: Request, **_: Any) -> StreamingHttpResponse:
        """Download the sign-in log as JSON Lines, or the part that the filters choose. The download is recorded."""
        return self.file()


class SignInDetail(OrganizationView):
    """One attempt."""

    needs = {"GET": ("connections.read",)}

    @describe("sign_in", gives=OneSignIn)
    def get(self, _request: Request, sign_in: UUID, **_: Any) -> Response:
        """Show the attempt, its steps and what it brought."""
        found = self.one(Attempt, sign_in)
        with tenancy.of(self.organization):
            return Response(OneSignIn(found).data)
