"""What the record leaves to the clock: stretches to measure."""

from audit import stretch
from tasks.celery import app


@app.task(name="tasks.jobs.record.measure")
def measure() -> int:
    """Write from when to when full stretches of long records go, for a while; answers how many it was."""
    return stretch.measure()
