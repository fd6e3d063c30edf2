"""A link by which somebody sets a password of their own: shown once to whoever makes it, handed over by hand, good once and for a day.

No row keeps it. It is signed, and names the password and the session epoch that the member had: setting a password by it, and every way
of being shut out, ends all links that were made before.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

from audit.events import Event
from audit.record import Actor, record
from identity import mail, member_row, members, tenancy
from identity.errors import Invalid, NotFound
from identity.models import Member

HOURS: Final = 24
_SALT: Final = "identity.password_links"
_LENGTH_MAX: Final = 1000


def make(member: Member, *, actor: Actor) -> str:
    """Return what the link's address ends in. Raises Invalid for somebody who is not active.

    The member is written to: with the link somebody can get in as they.
    """
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        if not locked.is_active:
            raise Invalid("Only somebody who is active can be given a password.")
        record(
            Event.MEMBER_PASSWORD_LINK,
            organization_id=locked.organization_id,
            actor=actor,
            subject=member_row.subject_of(locked),
            data={"hours": HOURS},
        )
        if actor.id != str(locked.pk) and locked.email:
            mail.queue(
                locked.organization_id, kind="password_link", about=locked.pk, to=locked.email,
                subject="A link to set your password was made",
                body=f"{actor.label or actor.kind} made a link by which a password can be set for {locked.user_name}, "
                f"and will hand it over to you. It is good for {HOURS} hours.\n\n"
                "If you did not ask for this, tell your administrator now.\n",
            )  # fmt: skip
        return signing.dumps(
            [str(locked.organization_id), str(locked.pk), _mark(locked)], salt=_SALT, compress=False
        )


def follow(link: str) -> Member:
    """Return whose password can be set by it. Raises NotFound for a link that was used, is too old, or is none."""
    organization_id, member_id, mark = _read(link)
    with tenancy.of(organization_id):
        found = (
            Member.objects.select_related("organization")
            .filter(organization=organization_id, pk=member_id)
            .first()
        )
    return _checked(found, mark)


def use(link: str, password: str) -> Member:
    """Set the password, once. Raises NotFound as `follow`, and Invalid for what may be no password (identity.passwords)."""
    mark = _read(link)[2]
    found = follow(link)
    with tenancy.change(found.organization_id):
        locked = _checked(member_row.lock(found), mark)
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
    if member is None or not member.is_active or not constant_time_compare(_mark(member), mark):
        raise _gone()
    return member


def _mark(member: Member) -> str:
    """Return what tells this password and epoch from every other, and says nothing of them."""
    return salted_hmac(
        _SALT, f"{member.pk}\n{member.session_epoch}\n{member.password}", algorithm="sha256"
    ).hexdigest()


def _gone() -> NotFound:
    return NotFound("This link was used already, or is too old. Ask whoever gave it to you for another.")
