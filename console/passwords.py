"""Sign-in with a password: who it may be, whether the door is locked after too many tries, and what the record keeps.

Why not django-axes: docs/decisions/console-sign-in.md. A refused sign-in is an entry in a transaction of its own, and
the entries of the last minutes are the lock.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.hashers import check_password, is_password_usable, make_password
from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from audit import context
from audit.events import Event
from audit.models import Entry
from audit.record import Actor, Subject, record
from identity import alarms, organizations, sessions, sign_on, tenancy
from identity.members import subject_of
from identity.models import Member, Organization, Session
from identity.profile import key_of

WINDOW: Final = timedelta(minutes=15)
# Refused tries in the window: of one address at one person, of everybody at one person, of one address at anybody.
PAIR_MAX: Final = 5
PERSON_MAX: Final = 20
ADDRESS_MAX: Final = 50
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7241))"
_LOCKED: Final = "too_many_tries"


class SignInRefused(Exception):
    """No session. The reason is for the record alone: whoever tries learns only whether to wait."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.locked = reason == _LOCKED


@dataclass(frozen=True, slots=True)
class _Try:
    """One try: where it is recorded, whom it means (None for nobody we know), and by which names the lock counts it."""

    organization: Organization
    member: Member | None
    reason: str
    actor: Actor
    subject: Subject


def enter(user_name: str, password: str, slug: str = "") -> tuple[Session, str]:
    """Check the password and start a session; returns it with the cookie's value. Raises SignInRefused.

    `slug` names the organization; needed only by people who have a password in several.
    """
    attempt = _meant(user_name, slug)
    if attempt is None:
        make_password(password)
        raise SignInRefused("unknown_organization")
    with tenancy.of(attempt.organization):
        reason = _reason(attempt, password)
        if not reason and attempt.member is not None:
            actor = Actor("member", str(attempt.member.pk), attempt.member.user_name)
            if sign_on.is_break_glass(attempt.member):
                alarms.break_glass_used(attempt.member, actor=actor)
            record(
                Event.SIGN_IN_SUCCEED,
                organization_id=attempt.organization.pk,
                actor=actor,
                subject=attempt.subject,
                data={"by": "password"},
            )
            return sessions.start(attempt.member, actor=actor)
        record(
            Event.SIGN_IN_REFUSE,
            organization_id=attempt.organization.pk,
            actor=attempt.actor,
            subject=attempt.subject,
            outcome="refused",
            reason=reason,
            data={"by": "password"},
        )
    # Raised only now: the transaction of the refusal has to commit.
    raise SignInRefused(reason)


def _meant(user_name: str, slug: str) -> _Try | None:
    key = key_of(user_name)
    with tenancy.everywhere("password sign-in: nobody is known yet"):
        found = list(
            Member.objects.filter(user_name_key=key, **({"organization__slug": slug} if slug else {}))
            .exclude(state=Member.State.OFFBOARDED)
            .select_related("organization")
            .order_by("pk")[:20]
        )
        named = Organization.objects.filter(slug=slug).first() if slug else None
    with_password = [member for member in found if is_password_usable(member.password)]
    meant = with_password or found
    member = meant[0] if len(meant) == 1 else None
    organization = member.organization if member else named or organizations.operating()
    if organization is None:
        return None
    actor = Actor("anonymous", _digest("address", context.current().ip))
    if member is None:
        # What was typed is kept as a digest alone: people type passwords into the wrong field.
        reason = "ambiguous_person" if meant else "unknown_person"
        return _Try(organization, None, reason, actor, Subject("sign_in", _digest("person", key)))
    return _Try(organization, member, "", actor, subject_of(member))


def _reason(attempt: _Try, password: str) -> str:
    """Say why not; empty for a good try. Every try costs one hash, so that time tells nothing about who exists."""
    with connection.cursor() as cursor:
        # One try at a time for each person, so that many at once cannot slip past the count.
        cursor.execute(_LOCK, [f"{attempt.organization.pk}:{attempt.subject.id}"])
    if _is_locked(attempt.organization.pk, attempt):
        return _LOCKED
    member = attempt.member
    if member is None or not is_password_usable(member.password):
        make_password(password)
        return attempt.reason or "no_password"
    if not check_password(password, member.password):
        return "wrong_password"
    if not member.is_active:
        return "member_not_active"
    if attempt.organization.state != Organization.State.ACTIVE:
        return "organization_suspended"
    return sign_on.password_refusal(member)


def _is_locked(organization_id: UUID, attempt: _Try) -> bool:
    person = Q(subject_id=attempt.subject.id)
    address = Q(actor_id=attempt.actor.id)
    tries = (
        Entry.objects.filter(
            organization_id=organization_id,
            happened_at__gt=timezone.now() - WINDOW,
            event=Event.SIGN_IN_REFUSE,
            actor_kind="anonymous",
            source="console",
        )
        # A refusal by the lock doesn't prolong it.
        .exclude(reason=_LOCKED)
        .aggregate(
            pair=Count("pk", filter=person & address),
            person=Count("pk", filter=person),
            address=Count("pk", filter=address),
        )
    )
    return tries["pair"] >= PAIR_MAX or tries["person"] >= PERSON_MAX or tries["address"] >= ADDRESS_MAX


def _digest(what: str, value: str) -> str:
    """Return an address or a typed name as the record may keep it for ever: of use only to count equal ones."""
    return salted_hmac(f"console.passwords.{what}", value, algorithm="sha256").hexdigest()[:32]
