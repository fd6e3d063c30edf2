"""When a member goes by the clock: an end date that somebody set, and the end of a suspended member's grace."""

from datetime import datetime, timedelta

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import alarms, exits, member_row, tenancy
from identity.errors import Invalid, Offboarded
from identity.models import Member, Organization


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
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        if locked.state == Member.State.OFFBOARDED:
            message = "This member is offboarded already."
            raise Offboarded(message)
        if locked.ends_at == ends_at:
            return locked
        if ends_at is not None:
            alarms.refuse_last_administrator(locked, actor=actor, despite=despite_last_administrator)
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


def offboard_if_due(member: Member, *, actor: Actor) -> bool:
    """Offboard the member if their end date has passed, as the locked row tells; tells whether it did."""
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        if locked.ends_at is None or locked.ends_at > timezone.now():
            return False
        return not exits.offboard_locked(
            locked, actor=actor, reason="end date reached", signalled_at=locked.ends_at
        ).already


def offboard_if_grace_ended(member: Member, *, actor: Actor) -> bool:
    """Offboard the member if they have been suspended for the organization's grace; tells whether it did."""
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        grace = timedelta(days=Organization.objects.get(pk=locked.organization_id).grace_days)
        if locked.suspended_at is None or locked.suspended_at + grace > timezone.now():
            return False
        return not exits.offboard_locked(locked, actor=actor, reason="grace period ended").already
