"""Looks at one directory right after somebody left something to do for it: what is due begins, what was read for nothing goes."""

from uuid import UUID

from audit.record import Actor
from identity import sync_runs, tenancy
from identity.models import Pull, Run
from tasks.celery import app
from tasks.sync import staging
from tasks.sync.work import work

ACTOR = Actor("job", "directories", "directory schedule")


@app.task(name="tasks.sync.attend")
def attend(organization: str, directory: str) -> bool:
    """Begin the directory's run if its time has come, and go on with the one that waits; tells whether there is one."""
    organization_id, directory_id = UUID(organization), UUID(directory)
    with tenancy.of(organization_id):
        pull = Pull.objects.filter(organization=organization_id, directory=directory_id).first()
    if pull is not None:
        sync_runs.start_due(organization_id, pull.pk, actor=ACTOR)
    with tenancy.of(organization_id):
        staging.forget(directory_id)
        run = Run.objects.filter(
            organization=organization_id, directory=directory_id, state__in=Run.OPEN, lease__isnull=True
        ).first()
    if run is not None:
        work.apply_async((organization, str(run.pk)), retry=False, expires=3600)
    return run is not None
