"""Signed-in browsers: a random cookie, of which we keep the digest.

Why: docs/decisions/browser-sessions.md.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from django.db.models import QuerySet
from django.utils import timezone

from audit import context
from audit.events import Event
from audit.record import Actor, Subject, record
from identity import member_row, rows, second_factors, tenancy
from identity import secrets as sealing
from identity.errors import Forbidden, Invalid, OrganizationSuspended
from identity.models import Member, Organization, Session

_COOKIE_BYTES = 32
_COOKIE_LENGTH_MAX = 100
_SEEN_NOTED_EVERY = timedelta(minutes=1)
_USER_AGENT_LENGTH_MAX = 400
# How long a browser may stand before the page that asks for the second factor.
_FACTOR_AWAITED = timedelta(minutes=10)
# It precedes every page, and the ORM would build it anew for each.
_OF_COOKIE = """SELECT to_jsonb(s), to_jsonb(m), to_jsonb(o)
  FROM identity_session s JOIN identity_member m ON m.id = s.member_id JOIN identity_organization o ON o.id = s.organization_id
 WHERE s.digest = %s AND s.ended_at IS NULL AND s.expires_at > %s"""
# However often somebody extends: after this they show again who they are.
LENGTH_MAX = timedelta(days=30)
EXTENSION_OFFERED = timedelta(minutes=15)


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

    Where a second factor is asked for, the session opens nothing until `complete`.

    Raises Forbidden unless the member is active, OrganizationSuspended.
    """
    with tenancy.change(member.organization_id):
        # The member's row alone: locking the organization's too would queue, and deadlock, its sign-ins.
        locked = Member.objects.select_for_update(no_key=True, of=("self",)).select_related("organization")
        return start_locked(locked.get(pk=member.pk), actor=actor, saml=saml, not_after=not_after)


def start_locked(
    member: Member, *, actor: Actor, saml: SamlOrigin | None = None, not_after: datetime | None = None
) -> tuple[Session, str]:
    """Do what `start` does for a member whose row the caller's transaction holds, with the organization beside it.

    It refuses before it writes anything.
    """
    _check(member)
    now = timezone.now()
    value = secrets.token_urlsafe(_COOKIE_BYTES)
    where = context.current()
    awaits = second_factors.is_asked(member, by_saml=saml is not None)
    ends = now + _FACTOR_AWAITED if awaits else now + _lifetime(member.organization)
    session = Session(
        organization_id=member.organization_id, member=member, digest=_digest(value), epoch=member.session_epoch,
        ip=where.ip, user_agent=where.user_agent[:_USER_AGENT_LENGTH_MAX], started_at=now, seen_at=now,
        expires_at=_within(ends, not_after), not_after=not_after, awaits_factor=awaits,
    )  # fmt: skip
    if saml is not None:
        session.connection_id = saml.connection_id
        session.session_index = saml.session_index
        session.name_id_digest = name_id_digest(saml.name_id)
        session.name_id = sealing.seal(
            member.organization_id, f"session:{session.pk}:name_id", saml.name_id.encode()
        )
    rows.insert(session)
    if not awaits:
        _note_sign_in(member, now)
    record(
        Event.SESSION_START,
        organization_id=member.organization_id,
        actor=actor,
        subject=Subject("session", str(session.pk), member.user_name),
        data={
            "member": str(member.pk),
            "connection": saml.connection_id if saml else None,
            "awaits_factor": awaits,
        },
    )
    return session, value


def complete(session: Session, *, actor: Actor) -> tuple[Session, str]:
    """Open a session whose second factor was shown, under a new cookie, and return both. The caller records the sign-in.

    Raises Forbidden where it no longer waits.
    """
    now = timezone.now()
    with tenancy.change(session.organization_id):
        # Before the session, as whoever leaves does: else each would have what the other one wants.
        member_row.lock(session.member_id)
        locked = _lock_open(session)
        if not locked.awaits_factor:
            raise Forbidden("This sign-in is over: begin again.")
        locked.awaits_factor = False
        locked.expires_at = _within(now + _lifetime(locked.organization), locked.not_after)
        value = _rotate(locked, "awaits_factor")
        _note_sign_in(locked.member, now)
        _record_extension(locked, session.expires_at, actor)
    return locked, value


def extend(session: Session, *, actor: Actor) -> tuple[Session, str]:
    """Let an open session last for the organization's whole length from now, under a new cookie; returns both.

    Raises Invalid where it cannot last longer: the identity provider's end (SessionNotOnOrAfter), or 30 days from its start.
    Raises Forbidden for one that has ended.
    """
    with tenancy.change(session.organization_id):
        locked = _lock_open(session)
        if locked.awaits_factor:
            raise Forbidden("Finish signing in first.")
        before = locked.expires_at
        ends = min(timezone.now() + _lifetime(locked.organization), locked.started_at + LENGTH_MAX)
        locked.expires_at = _within(ends, locked.not_after)
        if locked.expires_at <= before:
            raise Invalid("This session cannot last longer. Save what you are doing, and sign in again.")
        value = _rotate(locked)
        _record_extension(locked, before, actor)
    return locked, value


def find(value: str) -> Session | None:
    """Return the open session of this cookie with member and organization, or None: unknown, ended, expired, or its member is out.

    One that still awaits its second factor is not open.
    """
    found = find_begun(value)
    return None if found is None or found.awaits_factor else found


def find_begun(value: str) -> Session | None:
    """Return the session of this cookie as `find` does, also one that awaits its second factor."""
    if not value or len(value) > _COOKIE_LENGTH_MAX:
        return None
    found = tenancy.read_everywhere("session look-up", _OF_COOKIE, [_digest(value), timezone.now()])
    if not found:
        return None
    of_session, of_member, of_organization = map(orjson.loads, found[0])
    session, member = rows.loaded(Session, of_session), rows.loaded(Member, of_member)
    organization = rows.loaded(Organization, of_organization)
    session.member, session.organization = member, organization
    member.organization = organization
    if session.epoch != member.session_epoch or not member.is_active:
        return None
    return session if organization.state == Organization.State.ACTIVE else None


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


def open_sessions(member: Member) -> "QuerySet[Session]":
    """Return the member's sessions that open something; the tenancy must be set."""
    return Session.objects.filter(
        organization=member.organization_id,
        member=member,
        ended_at__isnull=True,
        awaits_factor=False,
        expires_at__gt=timezone.now(),
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


def _lock_open(session: Session) -> Session:
    open_now = Session.objects.select_for_update(of=("self",)).select_related("member", "organization")
    locked = open_now.get(organization=session.organization_id, pk=session.pk)
    if locked.ended_at is not None or locked.expires_at <= timezone.now():
        raise Forbidden("This session has ended: sign in again.")
    return locked


def _rotate(session: Session, *columns: str) -> str:
    """Give the session another cookie and save it; whoever holds the former one holds nothing."""
    value = secrets.token_urlsafe(_COOKIE_BYTES)
    session.digest = _digest(value)
    session.save(update_fields=["digest", "expires_at", *columns])
    return value


def _record_extension(session: Session, before: datetime, actor: Actor) -> None:
    record(
        Event.SESSION_EXTEND,
        organization_id=session.organization_id,
        actor=actor,
        subject=Subject("session", str(session.pk), session.member.user_name),
        changes={"expires_at": [before, session.expires_at]},
        data={"member": str(session.member_id)},
    )


def _lifetime(organization: Organization) -> timedelta:
    return timedelta(hours=organization.session_hours)


def _within(ends: datetime, not_after: datetime | None) -> datetime:
    return min(ends, not_after) if not_after else ends


def _note_sign_in(member: Member, now: datetime) -> None:
    member.last_sign_in_at = now
    rows.update(member, "last_sign_in_at")


def _check(member: Member) -> None:
    if not member.is_active:
        message = "This member is not active."
        raise Forbidden(message)
    if member.organization.state != Organization.State.ACTIVE:
        message = "The organization is suspended."
        raise OrganizationSuspended(message)


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()
