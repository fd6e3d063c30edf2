"""Verbs on invitations: an address that may join, with the roles and grants that come with joining."""

import re
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import tenancy
from identity.errors import Invalid
from identity.first_access import Wanted
from identity.models import Invitation, Member, Organization
from identity.profile import key_of

_EMAIL = re.compile(r"[^@\s\x00]{1,64}@[^@\s\x00]{1,253}")
_AGE_DEFAULT = timedelta(days=14)


def create(
    organization: Organization,
    email: str,
    *,
    actor: Actor,
    access: dict[str, Any] | None = None,
    expires_at: datetime | None = None,
) -> Invitation:
    """Invite an address; `access` is {grants, roles} as defaults are written. Raises Invalid, NameTaken for one invited already."""
    if not isinstance(email, str) or not _EMAIL.fullmatch(email.strip()):
        message = "This is not an e-mail address."
        raise Invalid(message, field="email")
    now = timezone.now()
    expires_at = expires_at or now + _AGE_DEFAULT
    if expires_at <= now:
        message = "An invitation expires in the future."
        raise Invalid(message, field="expires_at")
    Wanted.parse(access or {})
    with tenancy.change(organization):
        invitation = Invitation(
            organization=organization, email=email.strip(), email_key=key_of(email), created_at=now, expires_at=expires_at,
            roles=(access or {}).get("roles") or [], grants=(access or {}).get("grants") or [],
        )  # fmt: skip
        invitation.save(force_insert=True)
        record(
            Event.INVITATION_CREATE,
            organization_id=organization.pk,
            actor=actor,
            subject=_subject(invitation),
            data={"roles": invitation.roles, "grants": invitation.grants, "expires_at": expires_at},
        )
    return invitation


def open_for(organization: Organization, email: str) -> Invitation | None:
    """Return the open invitation of this address, or None."""
    with tenancy.of(organization):
        return Invitation.objects.filter(
            organization=organization,
            email_key=key_of(email),
            accepted_at__isnull=True,
            withdrawn_at__isnull=True,
            expires_at__gt=timezone.now(),
        ).first()


def accept(invitation: Invitation, member: Member, *, actor: Actor) -> bool:
    """Let the member have joined by this invitation, once; False if it was closed meanwhile."""
    return _close(invitation, Event.INVITATION_ACCEPT, actor, accepted_at=timezone.now(), member=member)


def withdraw(invitation: Invitation, *, actor: Actor) -> bool:
    """Take the invitation back; False if it was closed meanwhile."""
    return _close(invitation, Event.INVITATION_WITHDRAW, actor, withdrawn_at=timezone.now())


def expire(invitation: Invitation, *, actor: Actor) -> bool:
    """Close an invitation whose time has passed; False if it was closed meanwhile."""
    return _close(invitation, Event.INVITATION_EXPIRE, actor, withdrawn_at=timezone.now())


def _close(invitation: Invitation, event: Event, actor: Actor, **values: Any) -> bool:
    with tenancy.change(invitation.organization_id):
        closed = Invitation.objects.filter(
            organization=invitation.organization_id,
            pk=invitation.pk,
            accepted_at__isnull=True,
            withdrawn_at__isnull=True,
        ).update(**values)
        if closed:
            member = values.get("member")
            record(
                event,
                organization_id=invitation.organization_id,
                actor=actor,
                subject=_subject(invitation),
                data={"member": str(member.pk)} if member else {},
            )
    return bool(closed)


def _subject(invitation: Invitation) -> Subject:
    return Subject("invitation", str(invitation.pk), invitation.email)
