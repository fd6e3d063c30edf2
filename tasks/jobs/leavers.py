"""People whose time has come: scheduled ends, the end of suspended people's grace, and of what is kept about leavers."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db.models import DurationField, ExpressionWrapper, F, Value, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from audit.record import Actor
from identity import deadlines, erasure, tenancy
from identity.models import Erasure, Member
from scim import burst_guard
from tasks.celery import app
from tasks.jobs.turn import TURN_SECONDS, in_turn

BATCH = 500
# Of one transaction: whoever changes one of these people, or a group that they are in, waits for all of them.
AT_ONCE = 50
# Erasing cannot be undone: a retention set too short by mistake must not forget everybody within the hour.
ERASED_PER_RUN_MAX = 20


@app.task(name="tasks.jobs.leavers.scheduled_ends")
def scheduled_ends() -> int:
    """Offboard the members whose end date has passed; answers how many."""
    actor = Actor("job", "scheduled_ends", "scheduled offboarding")

    def batch() -> tuple[int, int]:
        with tenancy.everywhere("members whose end date has passed"):
            due = list(
                Member.objects.filter(ends_at__lte=timezone.now())
                .exclude(state=Member.State.OFFBOARDED)
                .order_by("ends_at")
                .only("id", "organization_id")[:BATCH]
            )
        return len(due), _together(due, partial(deadlines.offboard_due, actor=actor))

    # Thirty thousand contracts may end at the same midnight, and until this has come by these people are in.
    return in_turn(batch, BATCH)


@app.task(name="tasks.jobs.leavers.grace_ends")
def grace_ends() -> int:
    """Offboard the members who have been suspended for longer than their organization's grace; answers how many."""
    actor = Actor("job", "grace_ends", "end of grace")
    grace = ExpressionWrapper(
        F("organization__grace_days") * Value(timedelta(days=1)), output_field=DurationField()
    )

    def batch() -> tuple[int, int]:
        with tenancy.everywhere("suspended members whose grace has ended"):
            due = list(
                Member.objects.filter(state=Member.State.SUSPENDED, suspended_at__lte=timezone.now() - grace)
                # A burst on which nobody has decided can be rolled back with everything that its people had.
                .exclude(burst_guard.is_held())
                .order_by("suspended_at")
                .only("id", "organization_id")[:BATCH]
            )
        return len(due), _together(due, partial(deadlines.offboard_after_grace, actor=actor))

    return in_turn(batch, BATCH)


@app.task(name="tasks.jobs.leavers.retention_ends")
def retention_ends() -> int:
    """Erase the people whom their organization has kept for long enough, a few of each organization a run; answers how many."""
    actor = Actor("job", "retention_ends", "end of retention")
    kept = ExpressionWrapper(
        F("organization__retention_days") * Value(timedelta(days=1)), output_field=DurationField()
    )
    place = Window(RowNumber(), partition_by=F("organization_id"), order_by=F("offboarded_at").asc())
    with tenancy.everywhere("offboarded members whose retention has ended"):
        due = list(
            Member.objects.filter(
                state=Member.State.OFFBOARDED,
                erased_at__isnull=True,
                organization__retention_days__gt=0,
                offboarded_at__lte=timezone.now() - kept,
            )
            .annotate(place=place)
            .filter(place__lte=ERASED_PER_RUN_MAX)
            .order_by("offboarded_at")
            .only("id", "organization_id")[:BATCH]
        )
    return sum(erasure.erase_if_due(member, actor=actor) for member in due)


@app.task(name="tasks.jobs.leavers.erasures")
def erasures() -> int:
    """Go on with erasures of people of whom more is kept than one transaction forgets, for a while; answers on how many it worked."""
    actor = Actor("job", "erasures", "erasing people")
    with tenancy.everywhere("erasures that are not finished"):
        rows = list(Erasure.objects.order_by("erased_at").values_list("pk", "organization_id")[:BATCH])
    until, worked = time.monotonic() + TURN_SECONDS, 0
    for erasure_id, organization_id in rows:
        worked += 1
        while erasure.go_on(erasure_id, organization_id, actor=actor):
            if time.monotonic() > until:
                return worked
    return worked


def _together(due: Iterable[Member], offboard: Callable[[UUID, list[UUID]], int]) -> int:
    """Offboard people of one organization by transactions of a few each; answers how many went."""
    by_organization: dict[UUID, list[UUID]] = defaultdict(list)
    for member in due:
        by_organization[member.organization_id].append(member.pk)
    return sum(
        offboard(organization_id, member_ids[first : first + AT_ONCE])
        for organization_id, member_ids in by_organization.items()
        for first in range(0, len(member_ids), AT_ONCE)
    )
