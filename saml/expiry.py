"""Certificates that are about to expire, the identity provider's and our own: told at 60, 30, 14, 7 days and one, each once."""

from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import alarms, tenancy
from saml import connections
from saml.models import Connection, IdpCertificate, KeyPair

WARNING_DAYS: Final = (1, 7, 14, 30, 60)
SOON: Final = timedelta(days=max(WARNING_DAYS))
_THEIRS: Final = (
    "It is the identity provider's certificate. When a new one is there, load the metadata again in the connection's settings, "
    "or paste it there; connections with a metadata address take it by themselves."
)
_OURS: Final = "It is Rollcall's own. Publish the next key on the connection's page, have the identity provider load it, then switch."


def due(limit: int) -> list[IdpCertificate | KeyPair]:
    """Return what on switched-on connections has come nearer to its end than the last warning said, the soonest first."""
    now = timezone.now()
    nearer = Q()
    for days in WARNING_DAYS:
        untold = Q(warned_days__isnull=True) | Q(warned_days__gt=days)
        nearer |= Q(not_after__lte=now + timedelta(days=days)) & untold
    with tenancy.everywhere("certificates that are about to expire"):
        ends = Q(connection__active=True, not_after__gt=now) & nearer
        theirs = IdpCertificate.objects.filter(ends, removed_at__isnull=True, missing_since__isnull=True)
        ours = KeyPair.objects.filter(ends, state__in=[KeyPair.State.CURRENT, KeyPair.State.NEXT])
        return [*theirs.order_by("not_after")[:limit], *ours.order_by("not_after")[:limit]]


def warn(row: IdpCertificate | KeyPair, *, actor: Actor) -> bool:
    """Record and mail that the certificate is about to expire, unless somebody did; tells whether it did."""
    now = timezone.now()
    with tenancy.change(row.organization_id):
        rows = type(row).objects.select_for_update(of=("self",)).filter(organization=row.organization_id)
        locked = rows.select_related("connection").get(pk=row.pk)
        days = next((days for days in WARNING_DAYS if locked.not_after <= now + timedelta(days=days)), None)
        told = locked.warned_days
        if days is None or locked.not_after <= now or (told is not None and told <= days):
            return False
        locked.warned_days = days
        locked.save(update_fields=["warned_days"])
        ours = isinstance(locked, KeyPair)
        record(
            Event.CONNECTION_CERTIFICATE_EXPIRING,
            organization_id=locked.organization_id,
            actor=actor,
            subject=connections.subject_of(locked.connection),
            reason=f"{days}_days",
            data={
                "side": "ours" if ours else "identity_provider",
                "certificate": str(locked.pk),
                "not_after": locked.not_after,
            },
        )
        _tell(locked.connection, locked, days, _OURS if ours else _THEIRS)
    return True


def _tell(connection: Connection, row: IdpCertificate | KeyPair, days: int, what_to_do: str) -> None:
    within = "a day" if days == 1 else f"{days} days"
    alarms.tell_administrators(
        connection.organization_id,
        kind=f"certificate_expiring_{days}",
        about=row.pk,
        subject=f"{connection.name}: a certificate expires within {within}",
        body=(
            f"A certificate of the single sign-on connection {connection.name} expires on {row.not_after:%d %B %Y at %H:%M} UTC, "
            f"within {within}. Most identity providers refuse sign-ins afterwards.\n\n{what_to_do}\n"
        ),
    )
