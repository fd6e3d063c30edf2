"""Bundles: the whole organization in one archive, for its administrators and for operators."""

from functools import partial
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import bundles, tenancy
from identity.api.organization import OrganizationView
from identity.api.shapes import Strict
from identity.api.view import describe
from identity.downloads import handed_out
from identity.models import Bundle


class ShownBundle(serializers.Serializer[Any]):
    """A bundle. While it is writing, `rows` of about `rows_expected` are in it; once it is ready, `sha256` says which it is.

    `size` is in bytes, `record_seq` and `record_hash` are where the record ends in it.
    """

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Bundle.State.values)
    asked_by = serializers.DictField()
    asked_at = serializers.DateTimeField()
    begun_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    rows = serializers.IntegerField()
    rows_expected = serializers.IntegerField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField(allow_blank=True)
    record_seq = serializers.IntegerField()
    record_hash = serializers.CharField(allow_blank=True)
    problem = serializers.CharField(allow_blank=True)


class Bundles(OrganizationView):
    """The bundles of an organization."""

    needs = {"GET": bundles.NEEDS, "POST": bundles.NEEDS}

    @describe("bundles", lists=ShownBundle)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the bundles that were ever asked for."""
        with tenancy.of(self.organization):
            return self.paged(Bundle.objects.filter(organization=self.organization), ShownBundle)

    @describe("bundle_ask", takes=Strict, gives=ShownBundle, status=202)
    def post(self, _request: Request, **_: Any) -> Response:
        """Have the whole organization written into an archive. A worker does it: look again until it is ready."""
        self.taken(Strict)
        return Response(ShownBundle(bundles.ask(self.organization, actor=self.actor)).data, status=202)


class OneBundle(OrganizationView):
    """One bundle."""

    needs = {"GET": bundles.NEEDS, "DELETE": bundles.NEEDS}

    @describe("bundle", gives=ShownBundle)
    def get(self, _request: Request, bundle: UUID, **_: Any) -> Response:
        """Show how far it is, or what came of it."""
        return Response(ShownBundle(self.one(Bundle, bundle)).data)

    @describe("bundle_discard", gives=ShownBundle)
    def delete(self, _request: Request, bundle: UUID, **_: Any) -> Response:
        """Be rid of the archive, or stop its being written; its hash stays."""
        return Response(ShownBundle(bundles.discard(self.one(Bundle, bundle), actor=self.actor)).data)


class BundleFile(OrganizationView):
    """The archive."""

    needs = {"GET": bundles.NEEDS}

    @describe("bundle_file", gives=OpenApiTypes.BINARY, media="application/zip")
    def get(self, request: Request, bundle: UUID, **_: Any) -> StreamingHttpResponse:
        """Download the archive. The download becomes an entry of the record."""
        found = self.one(Bundle, bundle)
        bundles.refuse_unready(found)
        return handed_out(
            str(request.method),
            partial(bundles.download, found, actor=self.actor),
            "application/zip",
            bundles.headers(self.organization, found),
        )
