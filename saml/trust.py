"""What a connection trusts and what it can open: its rows, turned into the snapshot that verification works with."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.x509 import Certificate
from django.conf import settings
from django.utils import timezone

from identity import secrets, tenancy
from saml import certificates, keys
from saml.keys import SigningKey
from saml.metadata import IdpCertificate
from saml.models import Connection, KeyPair
from saml.models import IdpCertificate as CertificateRow
from saml.snapshot import ConnectionSnapshot, DecryptionKey

CONNECTIONS_CACHED_MAX = 2000


class Ready:
    """A connection ready for work: the snapshot, and our signing key."""

    __slots__ = ("published", "signing", "snapshot")

    def __init__(self, snapshot: ConnectionSnapshot, signing: SigningKey, published: list[str]) -> None:
        self.snapshot = snapshot
        self.signing = signing
        self.published = published


def ready(connection: Connection) -> Ready:
    """Return the snapshot of the connection at its version; keys are parsed once for each version and process."""
    return _cached(
        connection.organization_id, connection.pk, connection.version, settings.ROLLCALL_PUBLIC_URL
    )


def addresses(connection_id: UUID) -> dict[str, str]:
    """Return the addresses of a connection, all below the public one."""
    root = f"{settings.ROLLCALL_PUBLIC_URL}/saml2/{connection_id}"
    return {
        "entity_id": f"{root}/metadata",
        "metadata_url": f"{root}/metadata",
        "acs_url": f"{root}/acs",
        "sls_url": f"{root}/sls",
        "login_url": f"{root}/login",
        "certificate_url": f"{root}/certificate",
    }


def signing(connection: Connection) -> list[CertificateRow]:
    """Return the certificates that may verify, oldest first."""
    return [row for row in current(connection) if row.use != "encryption"]


def current(connection: Connection) -> list[CertificateRow]:
    """Return the certificates of the identity provider that are trusted now; the tenancy must be set."""
    rows = CertificateRow.objects.filter(
        organization=connection.organization_id, connection=connection, removed_at__isnull=True
    )
    return list(rows.order_by("added_at", "id"))


def key_pairs(connection: Connection) -> list[KeyPair]:
    """Return our key pairs that are in use: current, next, previous."""
    rows = KeyPair.objects.filter(organization=connection.organization_id, connection=connection)
    order = [KeyPair.State.CURRENT, KeyPair.State.NEXT, KeyPair.State.PREVIOUS]
    return sorted(
        rows.exclude(state=KeyPair.State.RETIRED), key=lambda pair: order.index(KeyPair.State(pair.state))
    )


def replace_certificates(connection: Connection, wanted: tuple[IdpCertificate, ...]) -> dict[str, Any]:
    """Trust exactly these; return the change as the record tells it (by fingerprint), empty if there is none."""
    before = current(connection)
    known = {(row.fingerprint, row.use) for row in before}
    after: dict[tuple[str, str], tuple[IdpCertificate, Certificate]] = {}
    for certificate in wanted:
        parsed = certificates.read(certificate.pem)
        after.setdefault((certificates.fingerprint(parsed), str(certificate.use)), (certificate, parsed))
    now = timezone.now()
    for (fingerprint, use), (certificate, parsed) in after.items():
        if (fingerprint, use) in known:
            continue
        CertificateRow(
            organization_id=connection.organization_id,
            connection=connection,
            pem=certificate.pem,
            fingerprint=fingerprint,
            use=use,
            subject=parsed.subject.rfc4514_string()[:500],
            not_after=parsed.not_valid_after_utc,
            added_at=now,
        ).save(force_insert=True)
    gone = [row for row in before if (row.fingerprint, row.use) not in after]
    CertificateRow.objects.filter(
        organization=connection.organization_id, pk__in=[row.pk for row in gone]
    ).update(removed_at=now)
    old = [f"{row.use} {row.fingerprint}" for row in before]
    new = [f"{use} {fingerprint}" for fingerprint, use in after]
    return {"certificates": [old, new]} if sorted(old) != sorted(new) else {}


def not_after(certificate_pem: str) -> datetime:
    """Return when a certificate ends."""
    return certificates.read(certificate_pem).not_valid_after_utc


def open_key(pair: KeyPair) -> SigningKey:
    """Unseal and parse one of our key pairs."""
    private = secrets.open_(pair.organization_id, f"saml_key:{pair.pk}:private", bytes(pair.private_sealed))
    return keys.load(private, pair.certificate)


@lru_cache(maxsize=CONNECTIONS_CACHED_MAX)
def _cached(organization_id: UUID, connection_id: UUID, _version: int, _public_url: str) -> Ready:
    with tenancy.of(organization_id):
        # Changed since the caller read it: then what is built here is newer than its key says, never older.
        return _build(Connection.objects.get(organization=organization_id, pk=connection_id))


def _build(row: Connection) -> Ready:
    pairs = key_pairs(row)
    opened = {pair.pk: open_key(pair) for pair in pairs}
    ours = next(pair for pair in pairs if pair.state == KeyPair.State.CURRENT)
    decryption: tuple[DecryptionKey, ...] = tuple(keys.decryption_key(opened[pair.pk]) for pair in pairs)
    where = addresses(row.pk)
    snapshot = ConnectionSnapshot(
        entity_id=where["entity_id"],
        acs_url=where["acs_url"],
        sls_url=where["sls_url"],
        idp_entity_id=row.idp_entity_id,
        sso_url=row.sso_url,
        sso_binding=row.sso_binding,  # type: ignore[arg-type]  # checked by saml.policy
        slo_url=row.slo_url,
        slo_response_url=row.slo_response_url,
        slo_binding=row.slo_binding,  # type: ignore[arg-type]
        idp_keys=tuple(
            certificates.trusted_key(certificates.read(each.pem), each.use)  # type: ignore[arg-type]
            for each in current(row)
        ),
        decryption_keys=decryption,
        signed=row.signed,  # type: ignore[arg-type]
        encryption=row.encryption,  # type: ignore[arg-type]
        allow_cbc=row.allow_cbc,
        allow_idp_initiated=row.allow_idp_initiated,
        sha1_until=row.sha1_until,
        skew_seconds=row.skew_seconds,
        destination_waived=row.destination_waived,
        authn_contexts=tuple(row.authn_contexts),
    )
    published = [pair.certificate for pair in pairs if pair.state != KeyPair.State.PREVIOUS]
    return Ready(snapshot, opened[ours.pk], published)
