"""Connections over the REST API: the fields of a connection in, the same with our own values out."""

from functools import partial
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import tenancy
from identity.api.access_shapes import FirstPermissions
from identity.api.organization import OrganizationView
from identity.api.shapes import Flag, Moment, Strict, Text, Whole
from identity.api.view import describe
from identity.handing_out import refuse_stronger_roles
from identity.outside import Outcome, Outside
from saml import connections, fetches, ours, policy, tested, trust
from saml.models import Connection, KeyPair
from saml.presets import ALIASES, NAMES
from saml.snapshot import SKEW_SECONDS_MAX

_SIGNED = ("assertion", "response", "either", "both")
BINDINGS = ("redirect", "post")
METADATA_CHARACTERS_MAX = 2 * 1024 * 1024


class Encryption(serializers.ChoiceField):
    """off, optional or required; true and false stand for optional and off."""

    def to_internal_value(self, data: Any) -> Any:
        """Check the word. Raises ValidationError."""
        if isinstance(data, bool):
            return "optional" if data else "off"
        return super().to_internal_value(data)


class ConnectionFields(Strict):
    """The settings of a connection.

    The identity provider is given by `idp_metadata_xml`, by `idp_metadata_url` (a worker loads it; the answer waits for that), or by hand.
    """

    name = Text(max_length=policy.TEXT_CHARACTERS_MAX, required=False)
    idp_preset = serializers.ChoiceField(choices=[*NAMES, *ALIASES], required=False)
    idp_metadata_xml = Text(max_length=METADATA_CHARACTERS_MAX, required=False)
    idp_metadata_url = Text(max_length=2000, required=False, allow_blank=True)
    idp_entity_id = Text(max_length=policy.TEXT_CHARACTERS_MAX, required=False, allow_blank=True)
    sso_url = Text(max_length=2000, required=False, allow_blank=True)
    slo_url = Text(max_length=2000, required=False, allow_blank=True, allow_null=True)
    certificates = serializers.ListField(
        child=Text(max_length=20_000), required=False, max_length=policy.CERTIFICATES_MAX
    )
    sso_binding = serializers.ChoiceField(choices=BINDINGS, required=False)
    slo_binding = serializers.ChoiceField(choices=BINDINGS, required=False)
    signed = serializers.ChoiceField(choices=_SIGNED, required=False)
    encryption = Encryption(choices=("off", "optional", "required"), required=False)
    allow_cbc = Flag(required=False)
    allow_idp_initiated = Flag(required=False)
    allow_other_domains = Flag(required=False)
    destination_waived = Flag(required=False)
    sign_requests = Flag(required=False)
    force_authn = Flag(required=False)
    encrypt_name_id = Flag(required=False)
    sha1_until = Moment(required=False, allow_null=True)
    skew_seconds = Whole(min_value=0, max_value=SKEW_SECONDS_MAX, required=False)
    name_id_format = Text(max_length=policy.TEXT_CHARACTERS_MAX, required=False, allow_blank=True)
    authn_contexts = serializers.ListField(child=Text(max_length=1024), required=False, max_length=10)
    join = serializers.ChoiceField(choices=Connection.Join.values, required=False)
    attribute_mapping = serializers.DictField(required=False)
    defaults = FirstPermissions(required=False, allow_null=True)
    follows = serializers.ListField(
        child=serializers.ChoiceField(choices=policy.FOLLOWED),
        required=False,
        max_length=len(policy.FOLLOWED),
    )
    active = Flag(required=False)
    activate_untested = Flag(required=False)


class IdpCertificateShown(serializers.Serializer[Any]):
    """A certificate of the identity provider that is trusted now."""

    fingerprint = serializers.CharField()
    subject = serializers.CharField()
    use = serializers.CharField()
    not_after = serializers.DateTimeField()
    first_used_at = serializers.DateTimeField(allow_null=True)


class OurValueShown(serializers.Serializer[Any]):
    """A value of ours under the name by which the chosen product asks for it."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes fields away from the class
    value = serializers.CharField()


class ShownConnection(serializers.Serializer[Any]):
    """A connection. What the identity provider asks for: entity_id, acs_url, sls_url, sp_certificate, or metadata_url."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    idp_preset = serializers.CharField()
    active = serializers.BooleanField()
    tested = serializers.SerializerMethodField()
    tested_at = serializers.DateTimeField(allow_null=True)
    entity_id = serializers.SerializerMethodField()
    metadata_url = serializers.SerializerMethodField()
    acs_url = serializers.SerializerMethodField()
    sls_url = serializers.SerializerMethodField()
    login_url = serializers.SerializerMethodField()
    sp_certificate = serializers.SerializerMethodField()
    our_values = serializers.SerializerMethodField()
    idp_entity_id = serializers.CharField()
    idp_metadata_url = serializers.CharField()
    sso_url = serializers.CharField()
    sso_binding = serializers.CharField()
    slo_url = serializers.CharField()
    slo_binding = serializers.CharField()
    certificates = serializers.SerializerMethodField()
    idp_certificates = serializers.SerializerMethodField()
    signed = serializers.CharField()
    encryption = serializers.CharField()
    allow_cbc = serializers.BooleanField()
    allow_idp_initiated = serializers.BooleanField()
    allow_other_domains = serializers.BooleanField()
    destination_waived = serializers.BooleanField()
    sign_requests = serializers.BooleanField()
    force_authn = serializers.BooleanField()
    encrypt_name_id = serializers.BooleanField()
    sha1_until = serializers.DateTimeField(allow_null=True)
    skew_seconds = serializers.IntegerField()
    name_id_format = serializers.CharField()
    authn_contexts = serializers.ListField(child=serializers.CharField())
    join = serializers.CharField()
    attribute_mapping = serializers.DictField()
    defaults = serializers.DictField(allow_null=True)
    follows = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()

    def get_tested(self, connection: Any) -> bool:
        """Return whether a test sign-in has passed that still counts, so that `active` needs no `activate_untested`."""
        return tested.counts(connection)

    def get_entity_id(self, connection: Any) -> str:
        """Return our entity ID."""
        return trust.addresses(connection.pk)["entity_id"]

    def get_metadata_url(self, connection: Any) -> str:
        """Return where our metadata is."""
        return trust.addresses(connection.pk)["metadata_url"]

    def get_acs_url(self, connection: Any) -> str:
        """Return where responses are posted."""
        return trust.addresses(connection.pk)["acs_url"]

    def get_sls_url(self, connection: Any) -> str:
        """Return where logout messages go."""
        return trust.addresses(connection.pk)["sls_url"]

    def get_login_url(self, connection: Any) -> str:
        """Return the link that begins a sign-in."""
        return trust.addresses(connection.pk)["login_url"]

    def get_sp_certificate(self, connection: Any) -> str:
        """Return our current certificate as PEM: for signatures of ours, and for encryption to us."""
        pairs = trust.key_pairs(connection)
        return next((pair.certificate for pair in pairs if pair.state == KeyPair.State.CURRENT), "")

    def get_our_values(self, connection: Any) -> list[dict[str, Any]]:
        """Return our values under the product's names."""
        return list(OurValueShown(ours.values(connection), many=True).data)

    def get_certificates(self, connection: Any) -> list[str]:
        """Return the identity provider's certificates as PEM, as they are given."""
        return [row.pem for row in trust.current(connection)]

    def get_idp_certificates(self, connection: Any) -> list[dict[str, Any]]:
        """Return what is known of those certificates."""
        return list(IdpCertificateShown(trust.current(connection), many=True).data)


class Connections(OrganizationView):
    """The connections of the organization."""

    needs = {"GET": ("connections.read",), "POST": ("connections.write",)}

    @describe("connections", lists=ShownConnection)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the connections."""
        with tenancy.of(self.organization):
            return self.paged(Connection.objects.filter(organization=self.organization), ShownConnection)

    @describe("connection_create", takes=ConnectionFields, gives=ShownConnection, status=201)
    def post(self, _request: Request, **_: Any) -> Outside[dict[str, Any]]:
        """Create a connection with a key pair of its own. It is off unless `active` and `activate_untested` say so."""
        values = _values(self)

        def create(outcome: Outcome[dict[str, Any]]) -> Response:
            made = connections.create(self.organization, actor=self.actor, **outcome())
            return Response(shown(self, made), status=201)

        load = partial(fetches.document, self.organization.pk, actor=self.actor)
        return Outside(lambda: policy.loaded(values, load), create)


class OneConnection(OrganizationView):
    """One connection."""

    needs = {"GET": ("connections.read",), "PATCH": ("connections.write",)}

    @describe("connection", gives=ShownConnection)
    def get(self, _request: Request, connection: UUID, **_: Any) -> Response:
        """Show the connection."""
        return Response(shown(self, self.one(Connection, connection)))

    @describe("connection_change", takes=ConnectionFields, gives=ShownConnection)
    def patch(self, _request: Request, connection: UUID, **_: Any) -> Response:
        """Change what is given; what is left out stays."""
        found = self.one(Connection, connection)
        values = _values(self)
        return Response(shown(self, connections.change(found, actor=self.actor, **values)))


def _values(view: OrganizationView) -> dict[str, Any]:
    """Return the body, checked; nobody hands out roles by way of defaults that they could not give themselves."""
    values: dict[str, Any] = view.taken(ConnectionFields)
    names = (values.get("defaults") or {}).get("roles", ())
    refuse_stronger_roles(view.caller, view.organization, names, "defaults.roles")
    return values


def shown(view: OrganizationView, connection: Connection) -> dict[str, Any]:
    """Return the connection as the API shows it."""
    with tenancy.of(view.organization):
        return dict(ShownConnection(connection).data)
