"""Single logout, both ways, front channel: every message is signed, and ends exactly the sessions that it names."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import credential_ends, sessions, tenancy
from identity.models import Session
from saml import attempt_details, build, encryption, signatures, spent, times, trust
from saml.build import Message, new_id
from saml.connections import actor_of, find, subject_of
from saml.decryption import decrypt
from saml.models import Attempt, Connection, SubjectLink
from saml.names import NAMEID_ENTITY, SAML, SAMLP, STATUS_SUCCESS, XML_SPACES
from saml.refusals import Refused
from saml.snapshot import ConnectionSnapshot
from saml.statements import NameID, name_id
from saml.wire import Received
from saml.xml import check_signature_places, read_decrypted

LIFETIME = timedelta(minutes=10)
SESSION_INDEXES_MAX = 100


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A verified LogoutRequest (core 3.7.1)."""

    request_id: str
    name_id: NameID
    session_indexes: tuple[str, ...]


def begin(session: Session, *, actor: Actor, reason: str = "signed_out") -> Message | None:
    """End our own session, and return the LogoutRequest for the identity provider that opened it, if it takes one.

    A session that did not come by SAML, or whose identity provider knows no logout, just ends; so does one whose NameID is to be
    encrypted while the identity provider publishes no key for that: its name is told to nobody on the way.
    """
    sessions.end(session, actor=actor, reason=reason)
    connection = find(session.connection_id) if session.connection_id else None
    if connection is None or not connection.slo_url:
        return None
    ready = trust.ready(connection)
    document = build.logout_request(
        ready.snapshot,
        new_id(),
        _name_id_of(session),
        [session.session_index] if session.session_index else [],
    )
    if connection.encrypt_name_id:
        key = encryption.key_of(ready.snapshot)
        if key is None:
            return None
        document = encryption.hide_name_id(document, key)
    return build.send(
        document, connection.slo_url, connection.slo_binding, field="SAMLRequest", key=ready.signing
    )


def answer(connection: Connection, received: Received) -> Message | None:
    """Carry out a LogoutRequest of the identity provider and return our answer, or None where there is no address for it.

    Refuses (`Refused`) with a code of the catalogue; then no session is touched, and the caller records it (`refuse`).
    """
    ready = trust.ready(connection)
    request = read_request(received, ready.snapshot, timezone.now())
    _spend(connection, request)
    ended = _end(connection, request)
    status = "Success" if ended or _is_known(connection, request.name_id) else "UnknownPrincipal"
    url = connection.slo_response_url or connection.slo_url
    if not url:
        return None
    document = build.logout_response(ready.snapshot, request.request_id, status)
    return build.send(
        document,
        url,
        connection.slo_binding,
        field="SAMLResponse",
        relay_state=received.relay_state,
        key=ready.signing,
    )


def conclude(connection: Connection, received: Received) -> bool:
    """Say whether the identity provider, too, has signed the person out, everywhere that it knows of.

    Our session ended before it was asked for, so nothing else hangs on a LogoutResponse (core 3.7.2). One that is not good is recorded.
    """
    ready = trust.ready(connection)
    try:
        root = _check_envelope(received, ready.snapshot, "LogoutResponse")
    except Refused as refused:
        refuse(connection, refused)
        return False
    # A success may hold PartialLogout as its second level: another application would not sign out (core 3.2.2.2).
    codes = [code.get("Value") for code in root.iter(f"{{{SAMLP}}}StatusCode")]
    return codes == [STATUS_SUCCESS]


def read_request(received: Received, connection: ConnectionSnapshot, now: datetime) -> LogoutRequest:
    """Verify and read a LogoutRequest (profiles 4.4.4.1): signed, ours, in time.

    Refuses: structure, issuer_mismatch, logout_not_signed, destination_missing, destination, logout_expired, too_large, name_id_missing,
    and what `signatures.verify` and, of an encrypted NameID, `decryption.decrypt` refuse; a wrong signature is logout_signature.
    """
    root = _check_envelope(received, connection, "LogoutRequest")
    skew = timedelta(seconds=connection.skew_seconds)
    issued, end = root.get("IssueInstant"), root.get("NotOnOrAfter")
    # Until LIFETIME and the skew on both sides are over, it is remembered as spent (`_spend`): not so one that is of tomorrow.
    timely = issued and now - skew - LIFETIME < times.instant(issued) <= now + skew
    if not timely or (end and times.over(end, now, skew)):
        raise Refused("logout_expired", f"issued {issued}"[:60])
    identity = root.get("ID")
    if not identity:
        raise Refused("structure", "no ID")
    indexes = [
        element.text.strip(XML_SPACES) for element in root.findall(f"{{{SAMLP}}}SessionIndex") if element.text
    ]
    if len(indexes) > SESSION_INDEXES_MAX:
        raise Refused("too_large", "SessionIndexes")
    return LogoutRequest(identity, _name_id(root, received, connection), tuple(indexes))


def _check_envelope(received: Received, connection: ConnectionSnapshot, kind: str) -> Any:
    """Check kind, issuer, signature and destination; nothing else is read from a message before its signature holds."""
    root = received.tree.root
    if root.tag != f"{{{SAMLP}}}{kind}" or root.get("Version") != "2.0":
        raise Refused("structure", f"not a {kind}")
    check_signature_places(root, (root,))
    issuer = (root.findtext(f"{{{SAML}}}Issuer") or "").strip(XML_SPACES)
    if issuer != connection.idp_entity_id or _issuer_format(root) != NAMEID_ENTITY:
        raise Refused("issuer_mismatch", issuer[:300])
    sha1 = signatures.sha1_allowed(connection.sha1_until, timezone.now())
    if received.signed_query is not None:
        received.signed_query.verify(connection.signing_keys, sha1=sha1)
    elif signatures.signature_of(root) is not None and not received.by_redirect:
        signatures.verify(received.tree, root, connection.signing_keys, sha1=sha1, code="logout_signature")
    else:
        raise Refused("logout_not_signed")
    _check_destination(root, connection)
    return root


def _check_destination(root: Any, connection: ConnectionSnapshot) -> None:
    """Bindings 3.4.5.2 and 3.5.5.2: without it, what another application was sent could be handed on to us."""
    destination = root.get("Destination")
    if not destination:
        if not connection.destination_waived:
            raise Refused("destination_missing")
    elif destination != connection.sls_url:
        raise Refused("destination", destination[:300])


def _issuer_format(root: Any) -> str:
    issuer = root.find(f"{{{SAML}}}Issuer")
    return NAMEID_ENTITY if issuer is None else str(issuer.get("Format", NAMEID_ENTITY))


def _name_id(root: Any, received: Received, connection: ConnectionSnapshot) -> NameID:
    plain = root.findall(f"{{{SAML}}}NameID")
    hidden = root.findall(f"{{{SAML}}}EncryptedID")
    if len(plain) + len(hidden) != 1:
        raise Refused("name_id_missing" if not plain and not hidden else "structure", "NameID")
    if plain:
        return name_id(plain[0])
    # Shibboleth encrypts the NameID of its logout requests; the signature around it has held, so CBC is sound.
    plaintext = decrypt(hidden[0], connection.decryption_keys, cbc=True)
    return name_id(read_decrypted(plaintext, dict(hidden[0].nsmap), received.tree.ids).root)


def _spend(connection: Connection, request: LogoutRequest) -> None:
    digest = hashlib.sha256(f"logout\0{connection.idp_entity_id}\0{request.request_id}".encode()).digest()
    with tenancy.change(connection.organization_id):
        if not spent.spend_digest(connection, digest, timezone.now() + 2 * LIFETIME):
            raise Refused("logout_replay")


def _end(connection: Connection, request: LogoutRequest) -> int:
    actor = actor_of(connection)
    with tenancy.change(connection.organization_id):
        named = sessions.of_name_id(
            connection.organization_id, connection.pk, request.name_id.value, list(request.session_indexes)
        )
        credential_ends.end_named(named, actor=actor, reason="signed_out_at_identity_provider")
        record(
            Event.SIGN_OUT,
            organization_id=connection.organization_id,
            actor=actor,
            subject=subject_of(connection),
            data={"sessions": [str(session.pk) for session in named], "request": request.request_id[:200]},
        )
    return len(named)


def _is_known(connection: Connection, person: NameID) -> bool:
    digest = hashlib.sha256(f"name_id:{person.value}".encode()).digest()
    with tenancy.of(connection.organization_id):
        return SubjectLink.objects.filter(
            organization=connection.organization_id, connection=connection, name_id_digest=digest
        ).exists()


def _name_id_of(session: Session) -> NameID:
    """Return the NameID as it came, with format and qualifiers: AD FS compares them all."""
    with tenancy.of(session.organization_id):
        attempt = Attempt.objects.filter(organization=session.organization_id, session_id=session.pk).first()
        stored = attempt_details.name_id_of(attempt) if attempt else None
        return stored or NameID(sessions.name_id_of(session))


def refuse(connection: Connection, refused: Refused) -> None:
    """Record a logout message that was refused."""
    with tenancy.change(connection.organization_id):
        record(
            Event.SIGN_OUT_REFUSE,
            organization_id=connection.organization_id,
            actor=actor_of(connection),
            subject=subject_of(connection),
            outcome="refused",
            reason=refused.code,
            data={"detail": refused.detail},
        )
