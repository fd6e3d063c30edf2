"""Read an identity provider's metadata again: new keys are taken, old ones stay a while, and what smells waits for a person."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import tenancy
from saml import certificates, connections, fetch, metadata, trust
from saml.metadata import IdpMetadata
from saml.models import Connection, IdpCertificate
from saml.refusals import Refused

OVERLAP = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of it. `held` says why a person must look: entity_id_changed, keys_replaced or a code of `saml.refusals`."""

    added: int = 0
    removed: int = 0
    held: str = ""


def load(connection: Connection, *, actor: Actor) -> Refreshed:
    """Load the connection's metadata from its address and apply it; a failure is recorded and changes nothing."""
    return conclude(connection, ask(connection, fetch.metadata_document), actor=actor)


def ask(connection: Connection, document: Callable[[str], bytes]) -> IdpMetadata | Refused:
    """Return what the metadata's address says now, or why it says nothing.

    `document` returns what lies behind an address: a worker looks by itself, a request asks one (saml.fetches).
    """
    try:
        return metadata.read(document(connection.idp_metadata_url), wanted=connection.idp_entity_id)
    except Refused as refused:
        return refused


def conclude(connection: Connection, found: IdpMetadata | Refused, *, actor: Actor) -> Refreshed:
    """Apply what was found, or record that nothing was."""
    if not isinstance(found, Refused):
        return apply(connection, found, actor=actor)
    # Google's metadata names an end that passes; sign-in goes on with the keys that are known.
    with tenancy.change(connection.organization_id):
        _record(connections.lock(connection), actor, held=found.code, detail=found.detail)
    return Refreshed(held=found.code)


def apply(connection: Connection, found: IdpMetadata, *, actor: Actor) -> Refreshed:
    """Take new certificates; drop one only after it has been missing for the overlap and another is there.

    Another entity id, or a key set with nothing of the old one, is not taken: whoever can change the document at that
    address could otherwise sign for everybody. It waits for an administrator, and the old trust is kept.
    """
    now = timezone.now()
    with tenancy.change(connection.organization_id):
        locked = connections.lock(connection)
        known = trust.current(locked)
        published = {certificates.fingerprint(certificates.read(each.pem)) for each in found.certificates}
        held = _smell(locked, found, {row.fingerprint for row in known}, published)
        if held:
            _record(locked, actor, held=held, detail=found.entity_id if held == "entity_id_changed" else "")
            return Refreshed(held=held)
        kept = [row for row in known if row.fingerprint in published or not _gone(row, now)]
        _note_missing(known, published, now)
        wanted = found.certificates + tuple(
            metadata.IdpCertificate(row.pem, row.use)  # type: ignore[arg-type]  # checked when it was stored
            for row in kept
            if row.fingerprint not in published
        )
        changes = trust.replace_certificates(locked, wanted)
        if not changes:
            return Refreshed()
        connections.touch(locked)
        _record(locked, actor, changes=changes)
        before, after = changes["certificates"]
    return Refreshed(added=len(set(after) - set(before)), removed=len(set(before) - set(after)))


def _smell(connection: Connection, found: IdpMetadata, known: set[str], published: set[str]) -> str:
    if connection.idp_entity_id and found.entity_id != connection.idp_entity_id:
        return "entity_id_changed"
    return "keys_replaced" if known and not known & published else ""


def _gone(row: IdpCertificate, now: datetime) -> bool:
    return row.missing_since is not None and now - row.missing_since >= OVERLAP


def _note_missing(known: list[IdpCertificate], published: set[str], now: datetime) -> None:
    for row in known:
        missing = None if row.fingerprint in published else row.missing_since or now
        if missing != row.missing_since:
            row.missing_since = missing
            row.save(update_fields=["missing_since"])


def _record(
    connection: Connection,
    actor: Actor,
    *,
    changes: dict[str, object] | None = None,
    held: str = "",
    detail: str = "",
) -> None:
    record(
        Event.CONNECTION_METADATA,
        organization_id=connection.organization_id,
        actor=actor,
        subject=connections.subject_of(connection),
        changes=changes or {},
        outcome="refused" if held else "success",
        reason=held,
        data={"detail": detail[:500]} if detail else {},
    )
