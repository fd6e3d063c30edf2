"""When a member goes by the clock: an end date that somebody set, and the end of a suspended member's grace."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import alarms, batches, member_row, offboarding, tenancy
from identity.errors import Invalid, Offboarded
from identity.models import Member, Organization

# The calendar ends with that year: whoever reads such a time in another zone may be past it.
_LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
TOO_FAR: Final = "Choose a time before the year 9999."


def schedule_end(
    member: Member, ends_at: datetime | None, *, actor: Actor, despite_last_administrator: bool = False
) -> Member:
    """Have the member offboarded at `ends_at` (aware), or never again if None. Raises Invalid, Offboarded, LastAdministrator."""
    if ends_at is not None and ends_at.tzinfo is None:
        message = "The end needs its time zone, as 2027-03-31T18:00:00+01:00."
        raise Invalid(message, field="ends_at")
    if ends_at is not None and ends_at <= timezone.now():
        # A slip of the year rather than a wish; and the receipt would tell of a signal that nobody gave.
        raise Invalid(
            "This time has passed: choose one to come, or offboard the member now.", field="ends_at"
        )
    if ends_at is not None and ends_at >= _LATEST:
        raise Invalid(TOO_FAR, field="ends_at")
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        if locked.state == Member.State.OFFBOARDED:
            message = "This member is offboarded already."
            raise Offboarded(message)
        if locked.ends_at == ends_at:
            return locked
        if ends_at is not None:
            alarms.refuse_last_administrator(
                locked, actor=actor, despite=despite_last_administrator, at=ends_at
            )
        before, locked.ends_at = locked.ends_at, ends_at
        locked.save(update_fields=["ends_at"])
        record(
            Event.MEMBER_SCHEDULE_END,
            organization_id=locked.organization_id,
            actor=actor,
            subject=member_row.subject_of(locked),
            changes={"ends_at": [before, ends_at]},
        )
    return locked


def offboard_due(organization_id: UUID, member_ids: Iterable[UUID], *, actor: Actor) -> int:
    """Offboard those of the members whose end date has passed, as their locked rows tell, in one transaction; returns how many."""
    with tenancy.change(organization_id):
        now = timezone.now()
        due = {
            member.pk: (member, member.ends_at)
            for member in batches.locked(organization_id, member_ids)
            if member.ends_at is not None and member.ends_at <= now
        }
        receipts = offboarding.offboard_all_locked(
            [member for member, _ in due.values()], actor=actor, reason="end date reached",
            signals={id_: ends_at for id_, (_, ends_at) in due.items()},
        )  # fmt: skip
    return sum(not receipt.already for receipt in receipts)


def offboard_after_grace(organization_id: UUID, member_ids: Iterable[UUID], *, actor: Actor) -> int:
    """Offboard those of the members who have been suspended for the organization's grace, as above; returns how many."""
    with tenancy.change(organization_id):
        grace = timedelta(days=Organization.objects.get(pk=organization_id).grace_days)
        ended = timezone.now() - grace
        due = [
            member
            for member in batches.locked(organization_id, member_ids)
            if member.suspended_at is not None and member.suspended_at <= ended
        ]
        receipts = offboarding.offboard_all_locked(due, actor=actor, reason="grace period ended")
    return sum(not receipt.already for receipt in receipts)
