"""Signed-in browsers: a random cookie, of which we keep the digest."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from audit import context
from audit.events import Event
from audit.record import Actor, Subject, record
from identity import secrets as sealing
from identity import tenancy
from identity.errors import Forbidden, OrganizationSuspended
from identity.models import Member, Organization, Session

_COOKIE_BYTES = 32
_COOKIE_LENGTH_MAX = 100
_SEEN_NOTED_EVERY = timedelta(minutes=1)
_USER_AGENT_LENGTH_MAX = 400


@dataclass(frozen=True, slots=True)
class SamlOrigin:
    """By which names the identity provider can end the session: connection, NameID (as a canonical text), SessionIndex."""

    connection_id: UUID
    name_id: str
    session_index: str = ""


def start(
    member: Member, *, actor: Actor, saml: SamlOrigin | None = None, not_after: datetime | None = None
) -> tuple[Session, str]:
    """Start a session and return it with the cookie's value. `not_after` (SessionNotOnOrAfter) bounds it.

    Raises Forbidden unless the member is active, OrganizationSuspended.
    """
    now = timezone.now()
    value = secrets.token_urlsafe(_COOKIE_BYTES)
    where = context.current()
    with tenancy.change(member.organization_id):
        # The member's row alone: locking the organization's too would queue, and deadlock, its sign-ins.
        rows = Member.objects.select_for_update(of=("self",)).select_related("organization")
        member = rows.get(pk=member.pk)
        _check(member)
        lifetime = timedelta(hours=member.organization.session_hours)
        session = Session(
            organization_id=member.organization_id, member=member, digest=_digest(value), epoch=member.session_epoch,
            ip=where.ip, user_agent=where.user_agent[:_USER_AGENT_LENGTH_MAX], started_at=now, seen_at=now,
            expires_at=min(now + lifetime, not_after) if not_after else now + lifetime,
        )  # fmt: skip
        if saml is not None:
            session.connection_id = saml.connection_id
            session.session_index = saml.session_index
            session.name_id_digest = name_id_digest(saml.name_id)
            session.name_id = sealing.seal(
                member.organization_id, f"session:{session.pk}:name_id", saml.name_id.encode()
            )
        session.save(force_insert=True)
        Member.objects.filter(organization=member.organization_id, pk=member.pk).update(last_sign_in_at=now)
        record(
            Event.SESSION_START,
            organization_id=member.organization_id,
            actor=actor,
            subject=Subject("session", str(session.pk), member.user_name),
            data={"member": str(member.pk), "connection": saml.connection_id if saml else None},
        )
    return session, value


def find(value: str) -> Session | None:
    """Return the open session of this cookie with member and organization, or None: unknown, ended, expired, or its member is out."""
    if not value or len(value) > _COOKIE_LENGTH_MAX:
        return None
    with tenancy.everywhere("session look-up"):
        session = (
            Session.objects.select_related("member", "organization")
            .filter(digest=_digest(value), ended_at__isnull=True, expires_at__gt=timezone.now())
            .first()
        )
    if session is None or session.epoch != session.member.session_epoch or not session.member.is_active:
        return None
    return session if session.organization.state == Organization.State.ACTIVE else None


def note_seen(session: Session) -> None:
    """Remember when the session was last seen, to the minute."""
    now = timezone.now()
    if now - session.seen_at >= _SEEN_NOTED_EVERY:
        with tenancy.of(session.organization_id):
            Session.objects.filter(organization=session.organization_id, pk=session.pk).update(seen_at=now)


def end(session: Session, *, actor: Actor, reason: str) -> None:
    """End one session; ending it twice is no matter."""
    with tenancy.change(session.organization_id):
        ended = Session.objects.filter(
            organization=session.organization_id, pk=session.pk, ended_at__isnull=True
        ).update(ended_at=timezone.now(), end_reason=reason)
        if ended:
            record(
                Event.SESSION_END,
                organization_id=session.organization_id,
                actor=actor,
                subject=Subject("session", str(session.pk), session.member.user_name),
                data={"member": str(session.member_id), "reason": reason},
            )


def of_name_id(
    organization_id: UUID, connection_id: UUID, name_id: str, session_indexes: list[str]
) -> list[Session]:
    """Return the open sessions that a logout message names: all of the NameID, or those of its SessionIndexes."""
    with tenancy.of(organization_id):
        named = Session.objects.select_related("member").filter(
            organization=organization_id,
            connection_id=connection_id,
            name_id_digest=name_id_digest(name_id),
            ended_at__isnull=True,
        )
        return list(named.filter(session_index__in=session_indexes) if session_indexes else named)


def name_id_of(session: Session) -> str:
    """Return the NameID of a SAML session, as it was given to `start`."""
    return sealing.open_(
        session.organization_id, f"session:{session.pk}:name_id", bytes(session.name_id or b"")
    ).decode()


def name_id_digest(name_id: str) -> bytes:
    """Return the key by which a NameID is looked up; NameIDs are longer than an index takes, and personal."""
    return hashlib.sha256(name_id.encode()).digest()


def _check(member: Member) -> None:
    if not member.is_active:
        message = "This member is not active."
        raise Forbidden(message)
    if member.organization.state != Organization.State.ACTIVE:
        message = "The organization is suspended."
        raise OrganizationSuspended(message)


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()
