"""What PostgreSQL's statistics leave to the clock: organizations that came or grew since the tables were last counted.

Why: docs/decisions/newcomers.md.
"""

from identity import arrivals
from tasks.celery import app


@app.task(name="tasks.jobs.statistics.count_newcomers")
def count_newcomers() -> int:
    """Have PostgreSQL count the tables in which an organization has come or doubled; answers how many organizations it was."""
    return arrivals.count_newcomers()
