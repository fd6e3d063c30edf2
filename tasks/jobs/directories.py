"""Directories that are pulled: whose time has come, which runs wait for a worker, which plans nobody approved, and what is left of runs."""

from uuid import UUID

import structlog
from django.utils import timezone
from kombu.exceptions import OperationalError

from identity import sync_runs, tenancy
from identity.models import Pull, Run
from tasks.celery import app
from tasks.jobs.turn import in_turn
from tasks.sync import claim, old_plans, staging
from tasks.sync.attend import ACTOR
from tasks.sync.work import work

BATCH = 500
BEGUN_AT_ONCE = 100
PLAN_BATCHES = 20  # in one go: 200,000 lines

log = structlog.get_logger("rollcall.sync")


@app.task(name="tasks.jobs.directories.due")
def due() -> int:
    """Queue the runs whose time has come, and wake a worker for each that waits; answers how many.

    Also the ones whose worker was killed: their lease has run out.
    """
    begun: dict[tuple[UUID, UUID], None] = {}

    def batch() -> tuple[int, int]:
        with tenancy.everywhere("directories whose time has come"):
            rows = list(
                # A directory that is switched off keeps its time: first in the row, it would be looked at for ever, and others never.
                Pull.objects.filter(
                    due_at__lte=timezone.now(), paused_at__isnull=True, directory__active=True
                )
                .order_by("due_at")
                .values_list("organization_id", "pk")[:BEGUN_AT_ONCE]
            )
        for organization_id, pull_id in rows:
            run = sync_runs.start_due(organization_id, pull_id, actor=ACTOR)
            if run is not None:
                begun[organization_id, run.pk] = None
        return len(rows), len(rows)

    # Twenty thousand customers may each have a directory that is read every quarter of an hour.
    in_turn(batch, BEGUN_AT_ONCE)
    waiting = begun | dict.fromkeys(claim.waiting(BATCH))
    for organization_id, run_id in waiting:
        try:
            # Twice is harmless: whoever comes second finds it taken.
            work.apply_async((str(organization_id), str(run_id)), retry=False, expires=3600)
        except OperationalError as error:
            log.warning("broker_unreachable", error=type(error).__name__)
            break
    return len(waiting)


@app.task(name="tasks.jobs.directories.expired")
def expired() -> int:
    """Close the held runs on which nobody decided in time; answers how many."""
    with tenancy.everywhere("held runs whose time is over"):
        rows = list(
            Run.objects.filter(state=Run.State.HELD, expires_at__lte=timezone.now()).select_related(
                "directory"
            )[:BATCH]
        )
    return sum(sync_runs.expire(run, actor=ACTOR) for run in rows)


@app.task(name="tasks.jobs.directories.forget_staged")
def forget_staged() -> int:
    """Forget what was read for runs that somebody cancelled or nobody approved; answers how many rows."""
    with tenancy.everywhere("what was read for runs that are over"):
        return staging.forget()


@app.task(name="tasks.jobs.directories.forget_plans")
def forget_plans() -> int:
    """Forget the lines of plans whose time is over; answers how many."""
    forgotten = 0
    for _ in range(PLAN_BATCHES):
        with tenancy.everywhere("plans of runs that are long over"):
            lines = old_plans.forget()
        forgotten += lines
        if lines < old_plans.BATCH:
            break
    return forgotten
