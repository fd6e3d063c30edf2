"""Bundles of organizations: those that wait for a worker, and archives that are kept no longer."""

import structlog
from django.utils import timezone
from kombu.exceptions import OperationalError

from audit.record import Actor
from identity import bundles, tenancy
from identity.models import Bundle
from tasks.bundles import waiting, write
from tasks.celery import app

BATCH = 100

log = structlog.get_logger("rollcall.bundles")


@app.task(name="tasks.jobs.bundles.due")
def due() -> int:
    """Wake a worker for each bundle that waits, also one whose worker was killed; answers how many."""
    found = waiting(BATCH)
    for organization_id, bundle_id in found:
        try:
            # Twice is harmless: whoever comes second finds it taken.
            write.apply_async((str(organization_id), str(bundle_id)), retry=False, expires=3600)
        except OperationalError as error:
            log.warning("broker_unreachable", error=type(error).__name__)
            break
    return len(found)


@app.task(name="tasks.jobs.bundles.expired")
def expired() -> int:
    """Be rid of the archives whose time is over; answers how many."""
    actor = Actor("job", "bundles", "end of keeping")
    with tenancy.everywhere("bundles that are kept no longer"):
        rows = list(Bundle.objects.filter(state=Bundle.State.READY, expires_at__lte=timezone.now())[:BATCH])
    return sum(bundles.expire(bundle, actor=actor) for bundle in rows)
