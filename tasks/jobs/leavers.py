"""People whose time has come: scheduled ends, and the end of suspended people's grace."""

from datetime import timedelta

from django.db.models import DurationField, ExpressionWrapper, F, Value
from django.utils import timezone

from audit.record import Actor
from identity import members, tenancy
from identity.models import Member
from scim import burst_guard
from tasks.celery import app

BATCH = 500


@app.task(name="tasks.jobs.leavers.scheduled_ends")
def scheduled_ends() -> int:
    """Offboard the members whose end date has passed; answers how many."""
    actor = Actor("job", "scheduled_ends", "scheduled offboarding")
    with tenancy.everywhere("members whose end date has passed"):
        due = list(
            Member.objects.filter(ends_at__lte=timezone.now())
            .exclude(state=Member.State.OFFBOARDED)
            .order_by("ends_at")
            .only("id", "organization_id")[:BATCH]
        )
    return sum(members.offboard_if_due(member, actor=actor) for member in due)


@app.task(name="tasks.jobs.leavers.grace_ends")
def grace_ends() -> int:
    """Offboard the members who have been suspended for longer than their organization's grace; answers how many."""
    actor = Actor("job", "grace_ends", "end of grace")
    grace = ExpressionWrapper(
        F("organization__grace_days") * Value(timedelta(days=1)), output_field=DurationField()
    )
    with tenancy.everywhere("suspended members whose grace has ended"):
        due = list(
            Member.objects.filter(state=Member.State.SUSPENDED, suspended_at__lte=timezone.now() - grace)
            # A burst on which nobody has decided can be rolled back with everything that its people had.
            .exclude(burst_guard.is_held())
            .order_by("suspended_at")
            .only("id", "organization_id")[:BATCH]
        )
    return sum(members.offboard_if_grace_ended(member, actor=actor) for member in due)
