"""Tokens that are about to expire: told 30 and 7 days and one day before, each once, to those who can issue another."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import alarms, mail, tenancy
from identity.models import Token

WARNING_DAYS: Final = (1, 7, 30)


def due(limit: int) -> list[Token]:
    """Return the tokens that have come nearer to their end than the last warning said, the soonest first."""
    now = timezone.now()
    nearer = Q()
    for days in WARNING_DAYS:
        untold = Q(warned_days__isnull=True) | Q(warned_days__gt=days)
        # A token for a week is not spoken of on the day on which it is made.
        longer = Q(expires_at__gt=F("created_at") + timedelta(days=days))
        nearer |= Q(expires_at__lte=now + timedelta(days=days)) & untold & longer
    with tenancy.everywhere("tokens that expire soon"):
        rows = Token.objects.filter(nearer, revoked_at__isnull=True, expires_at__gt=now)
        return list(rows.order_by("expires_at")[:limit])


def warn(token: Token, *, actor: Actor) -> bool:
    """Record and mail that the token is about to expire, once, unless it was made for that short a time; tell whether that was done.

    The letter about a directory's token goes to the administrators, about a member's to its owner; to the administrators too if the owner
    has no address or the token is a service's. A revoked token, or one that has a successor, needs no letter.
    """
    with tenancy.change(token.organization_id):
        locked = (
            Token.objects.select_for_update(of=("self",))
            .select_related("directory", "member")
            .get(pk=token.pk)
        )
        now = timezone.now()
        told = locked.warned_days
        if locked.revoked_at is not None or locked.expires_at is None or locked.expires_at <= now:
            return False
        days = next((days for days in WARNING_DAYS if locked.expires_at <= now + timedelta(days=days)), None)
        if days is None or (told is not None and told <= days):
            return False
        if locked.expires_at - locked.created_at <= timedelta(days=days):
            return False
        locked.warned_days = days
        locked.save(update_fields=["warned_days"])
        record(
            Event.TOKEN_EXPIRING,
            organization_id=locked.organization_id,
            actor=actor,
            subject=Subject("token", str(locked.pk), locked.prefix),
            reason=f"{days}_days",
            data={
                "expires_at": locked.expires_at,
                "directory": locked.directory_id,
                "member": locked.member_id,
            },
        )
        _tell(locked, days)
    return True


def _tell(token: Token, days: int) -> None:
    within = "a day" if days == 1 else f"{days} days"
    named = f"“{token.name}” ({token.prefix}…)" if token.name else f"{token.prefix}…"
    kind = f"token_expiring_{days}"
    if token.directory is not None:
        place = (
            f"{settings.ROLLCALL_PUBLIC_URL}/o/{token.organization.slug}/directories/{token.directory_id}/"
        )
        subject = f"{token.directory.name}: a token expires within {within}"
        what_to_do = (
            "Nobody can be provisioned with it afterwards. Rotate it on the directory's page and paste the new one at the identity "
            f"provider; both work meanwhile:\n\n  {place}\n"
        )
        body = f"The token {named} of the directory {token.directory.name} expires on {_when(token)}.\n\n{what_to_do}"
        alarms.tell_administrators(
            token.organization_id, kind=kind, about=token.pk, subject=subject, body=body
        )
        return
    assert token.member is not None  # noqa: S101 - a token has one owner, by constraint
    subject = f"A token of {token.member.user_name} expires within {within}"
    body = (
        f"The token {named} of {token.member.user_name} expires on {_when(token)}. Whatever works with it is refused afterwards.\n\n"
        "Issue another one, put it where this one is, then revoke this one:\n\n"
        f"  POST {settings.ROLLCALL_PUBLIC_URL}/api/v1/organizations/{token.organization.slug}/members/{token.member_id}/tokens\n"
    )
    if token.member.email:
        mail.queue(
            token.organization_id,
            kind=kind,
            about=token.pk,
            to=token.member.email,
            subject=subject,
            body=body,
        )
    if token.service or not token.member.email:
        alarms.tell_administrators(
            token.organization_id, kind=kind, about=token.pk, subject=subject, body=body
        )


def _when(token: Token) -> str:
    return f"{token.expires_at:%d %B %Y at %H:%M} UTC"
