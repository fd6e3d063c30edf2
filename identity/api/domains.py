"""E-mail domains: claimed by the organization, confirmed by proof."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import domains, tenancy
from identity.api.authentication import OPERATOR
from identity.api.organization import OrganizationView
from identity.api.shapes import Flag, Strict, Text
from identity.api.view import describe
from identity.models import Domain


class NewDomain(Strict):
    """A domain to claim, as example.com."""

    name = Text(max_length=255)


class ShownDomain(serializers.Serializer[Any]):
    """A domain. `challenge` is the text of the DNS TXT record that proves it; `proved_at` is null until then."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    challenge = serializers.CharField()
    proof = serializers.ChoiceField(choices=Domain.Proof.choices, allow_blank=True)
    created_at = serializers.DateTimeField()
    proved_at = serializers.DateTimeField(allow_null=True)
    canonical = serializers.BooleanField()


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
