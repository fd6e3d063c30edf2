"""Verify settings over the REST API: what the identity provider's values hold, before anything is saved."""

from functools import partial
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity.api.organization import OrganizationView
from identity.api.shapes import Strict, Text
from identity.api.view import describe
from saml import fetches, policy
from saml.api import BINDINGS, METADATA_CHARACTERS_MAX
from saml.examine import examine
from saml.presets import ALIASES, NAMES


class Examined(Strict):
    """What an administrator has of the identity provider: metadata by address or as text, single values, or both."""

    idp_preset = serializers.ChoiceField(choices=[*NAMES, *ALIASES], required=False)
    idp_metadata_xml = Text(max_length=METADATA_CHARACTERS_MAX, required=False)
    idp_metadata_url = Text(max_length=2000, required=False, allow_blank=True)
    idp_entity_id = Text(max_length=policy.TEXT_CHARACTERS_MAX, required=False, allow_blank=True)
    sso_url = Text(max_length=2000, required=False, allow_blank=True)
    slo_url = Text(max_length=2000, required=False, allow_blank=True)
    sso_binding = serializers.ChoiceField(choices=BINDINGS, required=False)
    slo_binding = serializers.ChoiceField(choices=BINDINGS, required=False)
    certificates = serializers.ListField(
        child=Text(max_length=20_000), required=False, max_length=policy.CERTIFICATES_MAX
    )


class FoundCertificateShown(serializers.Serializer[Any]):
    """A certificate as it was found."""

    subject = serializers.CharField()
    use = serializers.CharField()
    fingerprint = serializers.CharField()
    key = serializers.CharField()
    not_after = serializers.DateTimeField()
    days_left = serializers.IntegerField()


class ProblemShown(serializers.Serializer[Any]):
    """What cannot be read, and why."""

    field = serializers.CharField()
    code = serializers.CharField()
    sentence = serializers.CharField()


class FindingsShown(serializers.Serializer[Any]):
    """All that was found, what is missing, what cannot be read, and what to look at."""

    complete = serializers.BooleanField()
    found = serializers.DictField(child=serializers.CharField(allow_blank=True))
    certificates = FoundCertificateShown(many=True)
    problems = ProblemShown(many=True)
    missing = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())


class Verification(OrganizationView):
    """The settings of a connection, before they are saved."""

    needs = {"POST": ("connections.write",)}
    only_asks = True

    @describe("connection_verify", takes=Examined, gives=FindingsShown)
    def post(self, _request: Request, **_: Any) -> Response:
        """Read the identity provider's values and tell what was found; nothing is saved."""
        load = partial(fetches.document, self.organization.pk, actor=self.actor)
        return Response(FindingsShown(examine(self.taken(Examined), load)).data)
