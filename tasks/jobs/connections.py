"""What SAML connections leave to the clock: metadata to read again, certificates that are about to expire."""

from audit.record import Actor
from saml import expiry, fetches, watch
from saml.models import Connection
from tasks.celery import app

# Each takes five seconds at most, so a run ends within the job's time and within the lease on what it took.
BATCH = 50
CERTIFICATES = 500


@app.task(name="tasks.jobs.connections.refresh_metadata")
def refresh_metadata() -> int:
    """Read the metadata that is due; answers of how many connections."""
    actor = Actor("job", "refresh_metadata", "metadata refresh")
    read = 0
    for row in watch.claim_due(BATCH):
        try:
            watch.check(row, actor=actor)
        except Connection.DoesNotExist:
            # Gone since we took it.
            continue
        read += 1
    return read


@app.task(name="tasks.jobs.connections.fetch_metadata")
def fetch_metadata() -> int:
    """Load the metadata that somebody waits for; answers of how many addresses."""
    return fetches.work(BATCH)


@app.task(name="tasks.jobs.connections.forget_metadata")
def forget_metadata() -> int:
    """Delete metadata that was loaded and that nobody came back for; answers how many."""
    return fetches.forget_old()


@app.task(name="tasks.jobs.connections.expiring_certificates")
def expiring_certificates() -> int:
    """Warn of certificates that are about to expire; answers how many warnings that made."""
    actor = Actor("job", "expiring_certificates", "certificate expiry")
    return sum(expiry.warn(row, actor=actor) for row in expiry.due(CERTIFICATES))
