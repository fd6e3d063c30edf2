"""Identity providers' metadata by the clock: read daily, later and later while an address fails; what waits for a person is told."""

import random
from datetime import datetime, timedelta
from typing import Final

from django.db import connection as database
from django.utils import timezone

from audit.record import Actor
from identity import alarms, tenancy
from saml import refresh
from saml.models import Connection, MetadataWatch
from saml.refusals import CATALOGUE

EVERY: Final = timedelta(hours=24)
AFTER_FAILURE: Final = timedelta(hours=1)
# Longer than the longest reading takes: whoever took a connection and died leaves it to be taken again.
LEASE: Final = timedelta(minutes=10)
# So many failures in a row before a person hears of it: addresses are down for an hour without anybody's fault.
FAILURES_TOLD: Final = 3
_SPREAD: Final = 0.1
_SMELLS: Final = {
    "entity_id_changed": "The metadata names another entity id than before.",
    "keys_replaced": "The metadata holds none of the certificates known so far.",
}
_BEGIN: Final = """
INSERT INTO saml_metadatawatch (id, organization_id, connection_id, due_at, failures, held)
SELECT gen_random_uuid(), c.organization_id, c.id, %(now)s, 0, '' FROM saml_connection c
 WHERE c.idp_metadata_url <> '' AND NOT EXISTS (
         SELECT FROM saml_metadatawatch w WHERE w.organization_id = c.organization_id AND w.connection_id = c.id)
    ON CONFLICT DO NOTHING
"""


def claim_due(limit: int) -> list[MetadataWatch]:
    """Take the connections whose metadata is due, each for the time of the lease; another worker takes others."""
    now = timezone.now()
    with tenancy.everywhere("connections whose metadata is due"):
        with database.cursor() as cursor:
            cursor.execute(_BEGIN, {"now": now})
        due = list(
            MetadataWatch.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(due_at__lte=now)
            .exclude(connection__idp_metadata_url="")
            .order_by("due_at")[:limit]
        )
        MetadataWatch.objects.filter(pk__in=[row.pk for row in due]).update(due_at=now + LEASE)
    return due


def check(watch: MetadataWatch, *, actor: Actor) -> refresh.Refreshed:
    """Read the metadata once and set the next time. Raises Connection.DoesNotExist for one that is gone."""
    with tenancy.of(watch.organization_id):
        connection = Connection.objects.select_related("organization").get(
            organization=watch.organization_id, pk=watch.connection_id
        )
    found = refresh.load(connection, actor=actor)
    now = timezone.now()
    with tenancy.change(watch.organization_id):
        locked = MetadataWatch.objects.select_for_update().get(
            organization=watch.organization_id, pk=watch.pk
        )
        # What smells is not a failure: the address answers, and asking it more often helps nobody.
        failed = bool(found.held) and found.held not in _SMELLS
        failures = locked.failures + 1 if failed else 0
        if _is_news(locked, found.held, failures):
            _tell(connection, found.held)
        MetadataWatch.objects.filter(organization=watch.organization_id, pk=watch.pk).update(
            checked_at=now, failures=failures, held=found.held, due_at=_following(now, failures)
        )
    return found


def _following(now: datetime, failures: int) -> datetime:
    """Return when to read again: after an hour, two, four … up to a day while it fails. Spread, so that not all ask at once."""
    wait = min(AFTER_FAILURE * 2 ** (failures - 1), EVERY) if failures else EVERY
    return now + wait * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - spreads load, guards nothing


def _is_news(watch: MetadataWatch, held: str, failures: int) -> bool:
    if held in _SMELLS:
        return held != watch.held
    return failures == FAILURES_TOLD


def _tell(connection: Connection, held: str) -> None:
    said = _SMELLS.get(held) or f"It could not be read: {CATALOGUE[held].means}"
    alarms.tell_administrators(
        connection.organization_id,
        kind="metadata_held",
        about=connection.pk,
        subject=f"{connection.name}: the identity provider's metadata needs a look",
        body=(
            f"Rollcall read the metadata of the connection {connection.name} again, at {connection.idp_metadata_url}.\n\n"
            f"{said}\n\n"
            "Nothing was changed: sign-in goes on with the certificates that are trusted now. "
            "If your identity provider was really moved or given new keys, open the connection's settings "
            "and load the metadata from its address again; if nobody did so, do not.\n"
        ),
    )
