"""Verbs on invitations: an address that may join, with the roles and grants that come with joining."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, Subject, record, record_all
from identity import domains, first_access, mail, member_row, tenancy
from identity.errors import Forbidden, Invalid
from identity.first_access import Wanted
from identity.models import Invitation, Member, Organization
from identity.profile import is_same, key_of

_EMAIL = re.compile(r"[^@\s\x00]{1,64}@[^@\s\x00]{1,253}")
_AGE_DEFAULT = timedelta(days=14)
_AGE_MAX = timedelta(days=365)
MAIL_KIND = "invitation"


@dataclass(frozen=True, slots=True)
class Invited:
    """What became of one address of a list: the invitation, or why there is none (`refusal`: invalid, already_invited, already_member)."""

    email: str
    invitation: Invitation | None = None
    refusal: str = ""


def create(
    organization: Organization,
    email: str,
    *,
    actor: Actor,
    access: dict[str, Any] | None = None,
    expires_at: datetime | None = None,
) -> Invitation:
    """Invite an address and queue the mail; `access` is {grants, roles} as defaults are written.

    Raises Invalid, NameTaken for one invited already.
    """
    if not _is_address(email):
        message = "This is not an e-mail address."
        raise Invalid(message, field="email")
    now = timezone.now()
    expires_at = _checked_expiry(expires_at, now)
    Wanted.parse(access or {})
    with tenancy.change(organization):
        _expire_stale(organization, [key_of(email)], now, actor)
        invitation = _new(organization, email, access, now, expires_at)
        invitation.save(force_insert=True)
        record_all([_created(invitation, actor)])
        _queue_mail(organization, invitation)
    return invitation


def create_many(
    organization: Organization,
    emails: Iterable[str],
    *,
    actor: Actor,
    access: dict[str, Any] | None = None,
    expires_at: datetime | None = None,
) -> list[Invited]:
    """Invite a list of addresses with the same access, each for itself: one that cannot be invited doesn't stop the others."""
    now = timezone.now()
    expires_at = _checked_expiry(expires_at, now)
    Wanted.parse(access or {})
    emails = list(emails)
    with tenancy.change(organization):
        members = _members_among(organization, {key_of(email) for email in emails})
        wanted = [email for email in emails if key_of(email) not in members and _is_address(email)]
        _expire_stale(organization, [key_of(email) for email in wanted], now, actor)
        # The constraint decides, also between two spellings of one address; in one order, so that no two lists wait for each other.
        new = [_new(organization, email, access, now, expires_at) for email in sorted(wanted, key=key_of)]
        Invitation.objects.bulk_create(new, ignore_conflicts=True)
        there = set(
            Invitation.objects.filter(
                organization=organization, pk__in=[invitation.pk for invitation in new]
            ).values_list("pk", flat=True)
        )
        made = [invitation for invitation in new if invitation.pk in there]
        record_all(_created(invitation, actor) for invitation in made)
        mail.queue_new(
            organization.pk,
            kind=MAIL_KIND,
            letters=[
                (invitation.pk, invitation.email, *_letter(organization, invitation)) for invitation in made
            ],
        )
    by_key = {invitation.email_key: invitation for invitation in made}
    outcome = []
    for email in emails:
        if key_of(email) in members:
            outcome.append(Invited(email, refusal="already_member"))
        elif not _is_address(email):
            outcome.append(Invited(email, refusal="invalid"))
        elif invitation := by_key.pop(key_of(email), None):
            outcome.append(Invited(email, invitation))
        else:
            outcome.append(Invited(email, refusal="already_invited"))
    return outcome


def resend(invitation: Invitation, *, actor: Actor, expires_at: datetime | None = None) -> Invitation:
    """Send the mail again; `expires_at` gives the invitation a new end. Raises Invalid for one that is closed or has expired."""
    now = timezone.now()
    with tenancy.change(invitation.organization_id):
        locked = Invitation.objects.select_for_update().get(pk=invitation.pk)
        before = locked.expires_at
        if expires_at is not None:
            locked.expires_at = _checked_expiry(expires_at, now)
        if locked.accepted_at or locked.withdrawn_at or locked.expires_at <= now:
            raise Invalid("This invitation is closed: invite the address anew.")
        locked.save(update_fields=["expires_at"])
        record(
            Event.INVITATION_RESEND,
            organization_id=locked.organization_id,
            actor=actor,
            subject=_subject(locked),
            changes={"expires_at": [before, locked.expires_at]} if before != locked.expires_at else {},
        )
        _queue_mail(Organization.objects.get(pk=locked.organization_id), locked)
    return locked


def open_for(organization: Organization | UUID, email: str) -> Invitation | None:
    """Return the open invitation of this address, or None."""
    with tenancy.of(organization):
        found = _open(organization).filter(email_key=key_of(email), expires_at__gt=timezone.now()).first()
    return found if found is not None and is_same(found.email, email) else None


def accept(invitation: Invitation, member: Member, *, actor: Actor) -> bool:
    """Close the invitation as accepted by this member and give what it came with; return False if it was closed or expired meanwhile.

    Raises Forbidden in two cases: the address lies in a canonical domain and somebody other than a SAML connection accepts; or the member
    accepts with a password although the organization signs on by single sign-on alone.
    """
    if actor.kind != "connection" and domains.is_canonical(invitation.organization_id, invitation.email):
        raise Forbidden("People of this domain join by signing in at their organization's identity provider.")
    if actor.kind == "member" and _is_single_sign_on(invitation):
        raise Forbidden(
            "This organization lets people in by single sign-on alone: accept by signing in there."
        )
    now = timezone.now()
    with tenancy.change(invitation.organization_id):
        # Before the invitation, as whoever leaves does: else each would have what the other one wants.
        member_row.lock(member)
        fresh = Q(expires_at__gt=now)
        if not _close(invitation, Event.INVITATION_ACCEPT, actor, fresh, accepted_at=now, member=member):
            return False
        wanted = Wanted.parse({"grants": invitation.grants, "roles": invitation.roles})
        first_access.give_invited(member, wanted, actor=actor)
    return True


def accept_for(member: Member, email: str, *, actor: Actor) -> bool:
    """Accept the open invitation of the address, if there is one: for somebody who came by another way meanwhile.

    `email` is what somebody who can know says is the member's: their identity provider. The address here is a member manager's to edit.
    """
    with tenancy.change(member.organization_id):
        invitation = open_for(member.organization_id, email)
        return invitation is not None and accept(invitation, member, actor=actor)


def withdraw(invitation: Invitation, *, actor: Actor) -> bool:
    """Take the invitation back; False if it was closed meanwhile."""
    return _close(invitation, Event.INVITATION_WITHDRAW, actor, withdrawn_at=timezone.now())


def expire(invitation: Invitation, *, actor: Actor) -> bool:
    """Close an invitation whose time has passed; False if it was closed meanwhile."""
    return _close(invitation, Event.INVITATION_EXPIRE, actor, withdrawn_at=timezone.now())


def _close(invitation: Invitation, event: Event, actor: Actor, also: Q | None = None, **values: Any) -> bool:
    with tenancy.change(invitation.organization_id):
        closed = (
            Invitation.objects.filter(
                also or Q(),
                organization=invitation.organization_id,
                pk=invitation.pk,
                accepted_at__isnull=True,
                withdrawn_at__isnull=True,
            )
        ).update(**values)
        if closed:
            mail.cancel(invitation.organization_id, invitation.pk)
            member = values.get("member")
            record(
                event,
                organization_id=invitation.organization_id,
                actor=actor,
                subject=_subject(invitation),
                data={"member": str(member.pk)} if member else {},
            )
    return bool(closed)


def _open(organization: Organization | UUID) -> QuerySet[Invitation]:
    return Invitation.objects.filter(
        organization=organization, accepted_at__isnull=True, withdrawn_at__isnull=True
    )


def _is_address(email: str) -> bool:
    return isinstance(email, str) and _EMAIL.fullmatch(email.strip()) is not None


def _members_among(organization: Organization, keys: set[str]) -> set[str]:
    """Return those of the keys that are the address or the user name of somebody who has not left."""
    here = Member.objects.filter(organization=organization).exclude(state=Member.State.OFFBOARDED)
    return {
        *here.filter(email_key__in=keys).values_list("email_key", flat=True),
        *here.filter(user_name_key__in=keys).values_list("user_name_key", flat=True),
    }


def _expire_stale(organization: Organization, keys: list[str], now: datetime, actor: Actor) -> None:
    for stale in _open(organization).filter(email_key__in=keys, expires_at__lte=now).order_by("pk"):
        expire(stale, actor=actor)


def _new(
    organization: Organization, email: str, access: dict[str, Any] | None, now: datetime, expires_at: datetime
) -> Invitation:
    return Invitation(
        organization=organization, email=email.strip(), email_key=key_of(email), created_at=now, expires_at=expires_at,
        roles=(access or {}).get("roles") or [], grants=(access or {}).get("grants") or [],
    )  # fmt: skip


def _created(invitation: Invitation, actor: Actor) -> Line:
    return Line(
        Event.INVITATION_CREATE,
        invitation.organization_id,
        actor,
        _subject(invitation),
        data={
            "roles": invitation.roles,
            "grants": invitation.grants,
            "expires_at": invitation.expires_at,
        },
    )


def _is_single_sign_on(invitation: Invitation) -> bool:
    with tenancy.of(invitation.organization_id):
        return Organization.objects.filter(
            pk=invitation.organization_id, sign_on=Organization.SignOn.SINGLE_SIGN_ON
        ).exists()


def _checked_expiry(expires_at: datetime | None, now: datetime) -> datetime:
    if expires_at is None:
        return now + _AGE_DEFAULT
    if not now < expires_at <= now + _AGE_MAX:
        raise Invalid("An invitation expires in the future, within a year.", field="expires_at")
    return expires_at


def _queue_mail(organization: Organization, invitation: Invitation) -> None:
    subject, body = _letter(organization, invitation)
    mail.queue(
        organization.pk, kind=MAIL_KIND, about=invitation.pk, to=invitation.email, subject=subject, body=body
    )


def _letter(organization: Organization, invitation: Invitation) -> tuple[str, str]:
    """Return subject and body. Its link is the organization's own way to sign in and opens nothing by itself."""
    link = f"{settings.ROLLCALL_PUBLIC_URL}/sign-in?organization={organization.slug}"
    return f"Invitation to {organization.name}", (
        f"You are invited to join {organization.name}.\n\n"
        f"Sign in here with the address {invitation.email}:\n{link}\n\n"
        f"The invitation is good until {invitation.expires_at:%d %B %Y, %H:%M} UTC. "
        "If you did not expect it, there is nothing you need to do.\n"
    )


def _subject(invitation: Invitation) -> Subject:
    return Subject("invitation", str(invitation.pk), invitation.email)
