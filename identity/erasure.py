"""Erasing a person: their details go, the record still proves (docs/decisions/erasure.md)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import forgetting, member_row, tenancy
from identity.errors import Invalid
from identity.models import Erasure, Link, Member, Organization, RecoveryCode, SecondFactor

# Rows of one transaction. Whoever is erased with more has their names taken at once, and the rest forgotten by turns.
ROOM: Final = 2000


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: how many entries lost their detail so far. `already`: it was asked before. `finished`: nothing is left to do."""

    member_id: UUID
    details: int = 0
    already: bool = False
    finished: bool = True


def erase(member: Member, *, actor: Actor, reason: str = "") -> Erased:
    """Forget who the offboarded member was. Cannot be undone. Raises Invalid for one who is not offboarded.

    What is more than one transaction should do waits as an Erasure, for `go_on`.
    """
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        if locked.erased_at is not None:
            waiting = Erasure.objects.filter(organization=locked.organization_id, member=locked).first()
            return Erased(locked.pk, waiting.details if waiting else 0, already=True, finished=not waiting)
        if locked.state != Member.State.OFFBOARDED:
            raise Invalid("Only an offboarded member can be erased: offboard them first.")
        now = timezone.now()
        erasure = forgetting.begun(locked, now)
        _take_names(locked, now)
        details, finished = forgetting.go_on(erasure, ROOM)
        if not finished:
            erasure.save(force_insert=True)
        record(
            Event.MEMBER_ERASE,
            organization_id=locked.organization_id,
            actor=actor,
            subject=member_row.subject_of(locked),
            data={"reason": reason, "details": details, "finished": finished},
        )
    return Erased(locked.pk, details, finished=finished)


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


def go_on(erasure_id: UUID, organization_id: UUID, *, actor: Actor) -> bool:
    """Do one more turn of an erasure; tells whether there is more to do at once. Another worker's turn is left to it."""
    with tenancy.change(organization_id):
        erasure = Erasure.objects.select_for_update(skip_locked=True).filter(pk=erasure_id).first()
        if erasure is None:
            return False
        _, finished = forgetting.go_on(erasure, ROOM)
        if finished:
            erasure.delete()
        else:
            erasure.save()
        record(
            Event.MEMBER_FORGET,
            organization_id=organization_id,
            actor=actor,
            subject=member_row.subject_of(Member.objects.get(pk=erasure.member_id)),
            data={"details": erasure.details, "finished": finished},
        )
    return not finished


def _take_names(member: Member, now: datetime) -> None:
    """Make the member a nameless stone, with nothing by which somebody could be taken for them."""
    mine = {"organization": member.organization_id, "member": member}
    SecondFactor.objects.filter(**mine).delete()
    RecoveryCode.objects.filter(**mine).delete()
    links = Link.objects.filter(**mine)
    links.filter(tombstoned_at__isnull=True).update(tombstoned_at=now)
    links.update(external_id=None)
    name = f"erased-{member.pk}"
    member.user_name = member.user_name_key = name
    member.email = member.email_key = member.state_reason = ""
    member.email_claim = None
    member.display_name = "Erased person"
    member.profile = {}
    member.set_unusable_password()
    member.erased_at = member.changed_at = now
    member.version += 1
    member.save(
        update_fields=[
            "user_name", "user_name_key", "email", "email_key", "email_claim", "display_name", "profile", "password",
            "state_reason", "erased_at", "changed_at", "version",
        ]
    )  # fmt: skip
