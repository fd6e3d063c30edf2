"""Erasing a person: their details go, the record still proves (docs/decisions/erasure.md)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import member_row, tenancy
from identity.errors import Invalid
from identity.models import (
    Invitation,
    Link,
    Member,
    Organization,
    OutgoingMail,
    Receipt,
    RecoveryCode,
    ReviewItem,
    SecondFactor,
    Session,
    Token,
)

_FORGET = "SELECT audit_erase(%(organization)s, %(member)s, %(subjects)s)"


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: how many entries lost their detail. `already`: it had been done before."""

    member_id: UUID
    details: int = 0
    already: bool = False


_listeners: list[Callable[[Member], None]] = []


def on_erase(listener: Callable[[Member], None]) -> None:
    """Have `listener` forget what a floor above keeps about the person: called with the member, as they still are, in the transaction."""
    if listener not in _listeners:
        _listeners.append(listener)


def erase(member: Member, *, actor: Actor, reason: str = "") -> Erased:
    """Forget who the offboarded member was. Cannot be undone. Raises Invalid for one who is not offboarded."""
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        if locked.erased_at is not None:
            return Erased(locked.pk, already=True)
        if locked.state != Member.State.OFFBOARDED:
            raise Invalid("Only an offboarded member can be erased: offboard them first.")
        for listener in _listeners:
            listener(locked)
        count = _forget_in_record(locked, _forget_around(locked))
        _forget_member(locked)
        record(
            Event.MEMBER_ERASE,
            organization_id=locked.organization_id,
            actor=actor,
            subject=member_row.subject_of(locked),
            data={"reason": reason, "details": count},
        )
    return Erased(locked.pk, count)


def erase_if_due(member: Member, *, actor: Actor) -> bool:
    """Erase the member if the organization's retention has passed since they were offboarded; tells whether it did."""
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        days = Organization.objects.get(pk=locked.organization_id).retention_days
        if not days or locked.offboarded_at is None or locked.state != Member.State.OFFBOARDED:
            return False
        if locked.offboarded_at + timedelta(days=days) > timezone.now():
            return False
        return not erase(locked, actor=actor, reason="retention ended").already


def _forget_around(member: Member) -> list[str]:
    """Empty what belongs to the member; returns the ids by which the record knows these things."""
    mine = Q(organization=member.organization_id, member=member)
    sessions, tokens = Session.objects.filter(mine), Token.objects.filter(mine)
    invitations = Invitation.objects.filter(
        Q(member=member) | Q(email_key=member.email_key or "-"), organization=member.organization_id
    )
    subjects = [
        str(pk) for rows in (sessions, tokens, invitations) for pk in rows.values_list("pk", flat=True)
    ]
    OutgoingMail.objects.filter(
        Q(about__in=invitations.values("pk")) | Q(to__iexact=member.email or "-"),
        organization=member.organization_id,
    ).delete()
    sessions.update(name_id=None, name_id_digest=None, session_index="", ip="", user_agent="")
    tokens.update(name="")
    SecondFactor.objects.filter(mine).delete()
    RecoveryCode.objects.filter(mine).delete()
    for invitation in invitations:
        invitation.email = invitation.email_key = f"erased-{invitation.pk}"
        invitation.save(update_fields=["email", "email_key"])
    links = Link.objects.filter(mine)
    links.filter(tombstoned_at__isnull=True).update(tombstoned_at=timezone.now())
    links.update(external_id=None)
    Receipt.objects.filter(mine).update(body=None)
    ReviewItem.objects.filter(mine).update(reason="")
    return [str(member.pk), *subjects]


def _forget_in_record(member: Member, subjects: list[str]) -> int:
    """Delete the details of entries about the person; the entries and their commitments stay."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('rollcall.erasing', 'on', true)")
        cursor.execute(
            _FORGET,
            {"organization": member.organization_id, "subjects": subjects, "member": str(member.pk)},
        )
        count: int = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('rollcall.erasing', '', true)")
    return count


def _forget_member(member: Member) -> None:
    name = f"erased-{member.pk}"
    member.user_name = member.user_name_key = name
    member.email = member.email_key = member.state_reason = ""
    member.email_claim = None
    member.display_name = "Erased person"
    member.profile = {}
    member.set_unusable_password()
    member.erased_at = member.changed_at = timezone.now()
    member.version += 1
    member.save(
        update_fields=[
            "user_name", "user_name_key", "email", "email_key", "email_claim", "display_name", "profile", "password",
            "state_reason", "erased_at", "changed_at", "version",
        ]
    )  # fmt: skip
