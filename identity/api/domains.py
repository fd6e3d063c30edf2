"""E-mail domains: claimed by the organization, confirmed by proof."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import domain_proofs, domains, tenancy
from identity.api.organization import OrganizationView
from identity.api.shapes import Flag, Strict, Text
from identity.api.view import describe
from identity.dns_lookup import Answer
from identity.handing_out import OPERATOR
from identity.models import Domain
from identity.outside import Outcome, Outside


class NewDomain(Strict):
    """A domain to claim, as example.com."""

    name = Text(max_length=255)


class ShownDomain(serializers.Serializer[Any]):
    """A domain. `challenge` is the text of the TXT record at `host` that proves it; `proved_at` is null until then.

    `problem` tells what DNS said when it was asked at `checked_at`: no_name, no_text, other_text, unreachable, or proved_elsewhere;
    empty where the record was found. `missing_since`: the record of this proved domain has gone; after seven days it is unproved.
    """

    id = serializers.UUIDField()
    name = serializers.CharField()
    host = serializers.SerializerMethodField()
    challenge = serializers.CharField()
    proof = serializers.ChoiceField(choices=Domain.Proof.choices, allow_blank=True)
    created_at = serializers.DateTimeField()
    proved_at = serializers.DateTimeField(allow_null=True)
    canonical = serializers.BooleanField()
    checked_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    problem = serializers.CharField(allow_blank=True)
    missing_since = serializers.DateTimeField(allow_null=True)

    def get_host(self, domain: Domain) -> str:
        """Return the name at which the TXT record is looked for."""
        return f"{domain_proofs.HOST}.{domain.name}"


class Domains(OrganizationView):
    """The domains of the organization."""

    needs = {"GET": ("directories.read",), "POST": ("organization.write",)}

    @describe("domains", lists=ShownDomain)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the claimed domains."""
        with tenancy.of(self.organization):
            return self.paged(Domain.objects.filter(organization=self.organization), ShownDomain)

    @describe("domain_claim", takes=NewDomain, gives=ShownDomain, status=201)
    def post(self, _request: Request, **_: Any) -> Response:
        """Claim a domain; it counts for nothing until it is proved."""
        made = domains.claim(self.organization, self.taken(NewDomain)["name"], actor=self.actor)
        return Response(ShownDomain(made).data, status=201)


class ChangedDomain(Strict):
    """`canonical`: only the organization's identity provider brings in people of this domain."""

    canonical = Flag()


class OneDomain(OrganizationView):
    """One domain."""

    needs = {"PATCH": ("organization.write",)}

    @describe("domain_change", takes=ChangedDomain, gives=ShownDomain)
    def patch(self, _request: Request, domain: UUID, **_: Any) -> Response:
        """Make a proved domain canonical, or no longer: then an invitation is accepted by SAML alone."""
        found = self.one(Domain, domain)
        wanted = self.taken(ChangedDomain)["canonical"]
        return Response(ShownDomain(domains.set_canonical(found, wanted, actor=self.actor)).data)


class ConfirmedDomain(OrganizationView):
    """An operator's confirmation of a domain."""

    needs = {"POST": (OPERATOR, "organization.write")}

    @describe("domain_confirm", takes=Strict, gives=ShownDomain)
    def post(self, _request: Request, domain: UUID, **_: Any) -> Response:
        """Hold the domain for proved, by hand."""
        found = self.one(Domain, domain)
        self.taken(Strict)
        return Response(ShownDomain(domains.confirm(found, actor=self.actor)).data)


class CheckedDomain(OrganizationView):
    """Asking DNS now."""

    needs = {"POST": ("organization.write",)}

    @describe("domain_check", takes=Strict, gives=ShownDomain)
    def post(self, _request: Request, domain: UUID, **_: Any) -> Outside[Answer]:
        """Ask DNS for the record at once, instead of waiting for the job; answers within five seconds."""
        found = self.one(Domain, domain)
        self.taken(Strict)
        domain_proofs.begin(found)

        def conclude(outcome: Outcome[Answer]) -> Response:
            concluded = domain_proofs.conclude(self.organization.pk, found.pk, outcome(), actor=self.actor)
            return Response(ShownDomain(concluded).data)

        return Outside(lambda: domain_proofs.ask(found), conclude)
