"""The deletion of an organization: scheduled, seen, cancelled and proved."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import deletions, organizations, tenancy
from identity.api.organization import OrganizationView
from identity.api.organizations import ShownOrganization
from identity.api.shapes import Moment, Reason, Strict, Text
from identity.api.view import ApiView, describe
from identity.errors import NotFound
from identity.handing_out import OPERATOR
from identity.models import Deletion


class NewDeletion(Strict):
    """A deletion. `confirm` is the organization's name; `delete_after` is when it begins at the earliest, after 30 days unless said.

    `reason` goes into the customer's own record, and with it.
    """

    confirm = Text(max_length=200)
    delete_after = Moment(required=False)
    reason = Text(max_length=deletions.REASON_CHARACTERS_MAX, required=False, allow_blank=True)


class ShownDeletion(serializers.Serializer[Any]):
    """A deletion. `rows` counts what is deleted by table; `proof_sha256` is there once it is done."""

    id = serializers.UUIDField()
    organization = serializers.UUIDField(source="organization_id")
    name = serializers.CharField()
    slug = serializers.CharField()
    state = serializers.ChoiceField(choices=Deletion.State.values)
    asked_by = serializers.DictField()
    asked_at = serializers.DateTimeField()
    delete_after = serializers.DateTimeField()
    reason = serializers.CharField(allow_blank=True)
    cancelled_by = serializers.DictField(allow_null=True)
    begun_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    rows = serializers.DictField(child=serializers.IntegerField())
    record_seq = serializers.IntegerField()
    record_hash = serializers.CharField(allow_blank=True)
    bundle = serializers.DictField(allow_null=True)
    proof_sha256 = serializers.CharField(allow_blank=True)


class Suspension(OrganizationView):
    """Keeping everybody of an organization out."""

    needs = {"POST": (OPERATOR,)}

    @describe("organization_suspend", takes=Reason, gives=ShownOrganization)
    def post(self, _request: Request, **_: Any) -> Response:
        """Suspend the organization: its people, tokens and directories are refused from now on, and its data stays."""
        changed = organizations.suspend(self.organization, actor=self.actor, **self.taken(Reason))
        return Response(ShownOrganization(changed).data)


class Resumption(OrganizationView):
    """Letting them in again."""

    needs = {"POST": (OPERATOR,)}

    @describe("organization_resume", takes=Reason, gives=ShownOrganization)
    def post(self, _request: Request, **_: Any) -> Response:
        """Resume the organization. A deletion that is scheduled lapses if it still is not suspended on its day."""
        changed = organizations.resume(self.organization, actor=self.actor, **self.taken(Reason))
        return Response(ShownOrganization(changed).data)


class PendingDeletion(OrganizationView):
    """The deletion of an organization that is scheduled or under way."""

    needs = {"GET": ("organization.write",), "POST": (OPERATOR,), "DELETE": (OPERATOR,)}

    @describe("deletion_pending", gives=ShownDeletion)
    def get(self, _request: Request, **_: Any) -> Response:
        """Show the deletion that is scheduled or under way; 404 where none is."""
        with tenancy.of(self.organization):
            return Response(ShownDeletion(deletions.pending(self.organization.pk)).data)

    @describe("deletion_schedule", takes=NewDeletion, gives=ShownDeletion, status=201)
    def post(self, _request: Request, **_: Any) -> Response:
        """Schedule the deletion of a suspended organization, with everything that is kept of it. Takes a named operator."""
        made = deletions.schedule(self.organization, actor=self.actor, **self.taken(NewDeletion))
        return Response(ShownDeletion(made).data, status=201)

    @describe("deletion_cancel", gives=ShownDeletion)
    def delete(self, _request: Request, **_: Any) -> Response:
        """Take it back, as long as it has not begun."""
        return Response(ShownDeletion(deletions.cancel(self.organization, actor=self.actor)).data)


class Deletions(ApiView):
    """Every deletion of this server, also of organizations that are gone."""

    needs = {"GET": (OPERATOR,)}

    @describe("deletions", lists=ShownDeletion)
    def get(self, _request: Request) -> Response:
        """List the deletions that were ever scheduled."""
        with tenancy.everywhere("an operator lists deletions"):
            return self.paged(Deletion.objects.all(), ShownDeletion)


class OneDeletion(ApiView):
    """One deletion."""

    needs = {"GET": (OPERATOR,)}

    @describe("deletion", gives=ShownDeletion)
    def get(self, _request: Request, deletion: UUID) -> Response:
        """Show how far it is, or what came of it."""
        return Response(ShownDeletion(deletions.find(deletion)).data)


class Proof(ApiView):
    """What is left of an organization."""

    needs = {"GET": (OPERATOR,)}

    @describe("deletion_proof", gives=OpenApiTypes.OBJECT)
    def get(self, _request: Request, deletion: UUID) -> Response:
        """Download the proof of a deletion that is done: its canonical form (RFC 8785) has the SHA-256 that the record names."""
        found = deletions.find(deletion)
        if found.proof is None:
            raise NotFound("The deletion is not done: there is no proof yet.")
        return Response(found.proof, headers=deletions.headers(found))
