"""A link by which somebody sets a password of their own: shown once to whoever makes it, handed over by hand, good once and for a day.

No row keeps it. It is signed, and names the password and the session epoch that the member had: setting a password by it, and every way
of being shut out, ends all links that were made before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import is_password_usable
from django.core import signing
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from audit.events import Event
from audit.record import Actor, record
from identity import mail, member_row, members, tenancy
from identity.errors import Invalid, NotFound
from identity.handing_out import Holder, refuse_stronger_person
from identity.models import Member

HOURS: Final = 24
_SALT: Final = "identity.password_links"
_LENGTH_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class PasswordLink:
    """A link as it is handed over, and until when it is good."""

    url: str
    expires_at: datetime


class Used(NotFound):
    """The link was good, and is not since its `member` set a password or was shut out for a while."""

    def __init__(self, member: Member) -> None:
        super().__init__(
            "Since it was made, your password was set, or your access was closed for a while. If you set the password yourself, sign in"
            " with it; else ask whoever gave you the link for another."
        )
        self.member = member


def make(member: Member, *, actor: Actor, holder: Holder | None = None) -> PasswordLink:
    """Make a link. Raises Invalid for somebody who is not active, and Forbidden where they may do more than the `holder` who asks.

    The member is written to: with the link somebody can get in as they. Nobody makes one for themselves who has a password: a browser that
    was left alone, or a token, would be enough to have it for good.
    """
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        if holder is not None:
            refuse_stronger_person(holder, locked)
        if not locked.is_active:
            raise Invalid("Only somebody who is active can be given a password.")
        is_own = actor.id == str(locked.pk)
        if is_own and is_password_usable(locked.password):
            raise Invalid(
                "You have a password: change it on your own page, by the present one, or ask a colleague for the link."
            )
        record(
            Event.MEMBER_PASSWORD_LINK,
            organization_id=locked.organization_id,
            actor=actor,
            subject=member_row.subject_of(locked),
            data={"hours": HOURS},
        )
        if locked.email:
            mail.queue(
                locked.organization_id, kind="password_link", about=locked.pk, to=locked.email,
                subject="A link to set your password was made",
                body=f"{actor.label or actor.kind} made a link by which a password can be set for {locked.user_name}"
                f"{'' if is_own else ', and will hand it over to you'}. It is good for {HOURS} hours.\n\n"
                "If you did not ask for this, tell your administrator now.\n",
            )  # fmt: skip
        signed = signing.dumps(
            [str(locked.organization_id), str(locked.pk), _mark(locked)], salt=_SALT, compress=False
        )
        return PasswordLink(
            f"{settings.ROLLCALL_PUBLIC_URL}/password/{signed}", timezone.now() + timedelta(hours=HOURS)
        )


def follow(link: str) -> Member:
    """Return whose password can be set by it. Raises NotFound for a link that is too old or none, and Used."""
    organization_id, member_id, mark = _read(link)
    with tenancy.of(organization_id):
        found = (
            Member.objects.select_related("organization")
            .filter(organization=organization_id, pk=member_id)
            .first()
        )
    return _checked(found, mark)


def use(link: str, password: str) -> Member:
    """Set the password, once. Raises what `follow` does, and Invalid for what may be no password (identity.passwords)."""
    mark = _read(link)[2]
    found = follow(link)
    with tenancy.change(found.organization_id):
        locked = member_row.lock(found)
        locked.organization = found.organization
        _checked(locked, mark)
        members.set_password(locked, password, actor=Actor("member", str(locked.pk), locked.user_name))
    return locked


def _read(link: str) -> tuple[UUID, UUID, str]:
    try:
        value: Any = signing.loads(link[:_LENGTH_MAX], salt=_SALT, max_age=timedelta(hours=HOURS))
    except signing.BadSignature:
        raise _gone() from None
    organization_id, member_id, mark = value
    return UUID(organization_id), UUID(member_id), mark


def _checked(member: Member | None, mark: str) -> Member:
    if member is None or not member.is_active:
        raise _gone()
    if not constant_time_compare(_mark(member), mark):
        raise Used(member)
    return member


def _mark(member: Member) -> str:
    """Return what tells this password and epoch from every other, and says nothing of them."""
    return salted_hmac(
        _SALT, f"{member.pk}\n{member.session_epoch}\n{member.password}", algorithm="sha256"
    ).hexdigest()


def _gone() -> NotFound:
    return NotFound("It is too old, or not whole. Ask whoever gave it to you for another.")
