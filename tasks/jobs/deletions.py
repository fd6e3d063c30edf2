"""Organizations whose deletion is due: begun when their day has come, and carried out batch by batch."""

import time

from django.utils import timezone

from audit.record import Actor
from identity import deletion_work, deletions, tenancy
from identity.models import Deletion
from tasks.celery import app

BATCH = 20
# A turn of one job; whatever is left waits for the next tick, behind nobody.
TURN_SECONDS = 50.0


@app.task(name="tasks.jobs.deletions.carry_out")
def carry_out() -> int:
    """Begin the deletions that are due and go on with those that have begun, for a while; answers how many are under way or done."""
    actor = Actor("job", "deletions", "deletion of organizations")
    with tenancy.everywhere("deletions of organizations that are due"):
        rows = list(
            Deletion.objects.filter(state__in=Deletion.OPEN, delete_after__lte=timezone.now()).order_by(
                "delete_after"
            )[:BATCH]
        )
    until, worked = time.monotonic() + TURN_SECONDS, 0
    order = deletion_work.tables() if rows else []
    for deletion in rows:
        if deletion.state == Deletion.State.SCHEDULED and not deletions.begin_if_due(deletion, actor=actor):
            continue
        worked += 1
        while deletion_work.step(deletion.pk, deletion.organization_id, order, actor=actor):
            if time.monotonic() > until:
                return worked
    return worked
