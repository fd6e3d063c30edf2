"""Sign-in with a password: who it may be, and what the record keeps. A refused one is an entry in a transaction of its own."""

from typing import Final

from django.contrib.auth.hashers import is_password_usable, make_password

from audit.events import Event
from audit.record import Actor, record
from console import lock_out
from console.lock_out import Try
from identity import alarms, organizations, passwords, sessions, sign_on, tenancy
from identity.models import Member, Organization, Session
from identity.profile import key_of

_BY: Final = {"by": "password"}


class SignInRefused(Exception):
    """No session. The reason is for the record alone: whoever tries learns only whether to wait."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.locked = reason == lock_out.LOCKED


def enter(user_name: str, password: str, slug: str = "") -> tuple[Session, str]:
    """Check the password and start a session; returns it with the cookie's value. Raises SignInRefused.

    `slug` names the organization; needed only by people who have a password in several. The session may still await a
    second factor (identity.second_factors): then the sign-in has begun, and has not succeeded.
    """
    member, attempt, reason = _meant(user_name, slug)
    if attempt is None:
        make_password(password)
        raise SignInRefused("unknown_organization")
    with tenancy.of(attempt.organization):
        reason = _reason(attempt, member, password, reason)
        if not reason and member is not None:
            reason = sign_on.password_refusal(member)
        if not reason and member is not None:
            actor = Actor("member", str(member.pk), member.user_name)
            if sign_on.is_break_glass(member):
                alarms.break_glass_used(member, actor=actor)
            session, value = sessions.start(member, actor=actor)
            record(
                Event.SIGN_IN_START if session.awaits_factor else Event.SIGN_IN_SUCCEED,
                organization_id=attempt.organization.pk,
                actor=actor,
                subject=attempt.subject,
                data=_BY,
            )
            return session, value
        lock_out.refuse(attempt, reason, _BY)
    # Raised only now: the transaction of the refusal has to commit.
    raise SignInRefused(reason)


def confirm(member: Member, password: str, *, at: str = "settings") -> bool:
    """Tell whether it is the password of somebody we know; counted as a try at the door. Raises SignInRefused when it is locked."""
    attempt = lock_out.at_member(member)
    with tenancy.of(member.organization_id):
        reason = _reason(attempt, member, password, "")
        if not reason:
            return True
        lock_out.refuse(attempt, reason, {**_BY, "at": at})
    if reason == lock_out.LOCKED:
        raise SignInRefused(reason)
    return False


def _meant(user_name: str, slug: str) -> tuple[Member | None, Try | None, str]:
    """Return whom the try means (None for nobody we know), the try (None without any organization), and why not, if so."""
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
    if len(meant) == 1:
        return meant[0], lock_out.at_member(meant[0]), ""
    organization = named or organizations.operating()
    if organization is None:
        return None, None, ""
    return None, lock_out.at_nobody(organization, key), "ambiguous_person" if meant else "unknown_person"


def _reason(attempt: Try, member: Member | None, password: str, known: str) -> str:
    """Say why not; empty for a good try. Every try costs one hash, so that time tells nothing about who exists."""
    if lock_out.is_locked(attempt):
        return lock_out.LOCKED
    if member is None or not is_password_usable(member.password):
        make_password(password)
        return known or "no_password"
    if not passwords.matches(member, password):
        return "wrong_password"
    if not member.is_active:
        return "member_not_active"
    if attempt.organization.state != Organization.State.ACTIVE:
        return "organization_suspended"
    return ""
