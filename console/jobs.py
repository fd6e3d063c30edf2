"""The periodic jobs of the server, for operators."""

from django.http import HttpResponse

from console.access import Visit
from console.answers import page
from identity import jobs


def index(visit: Visit) -> HttpResponse:
    """List the jobs; what failed or is late stands first."""
    order = {"failed": 0, "late": 1, "waiting": 2}
    rows = sorted(jobs.overview(), key=lambda job: (order.get(job.state, 3), job.name))
    return page(
        visit, "jobs.html", {"rows": rows, "troubled": sum(row.state in {"failed", "late"} for row in rows)}
    )
