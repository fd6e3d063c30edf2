"""The lines of plans of runs that are long over: they name people, so they are not kept for ever."""

from typing import Final

from django.conf import settings
from django.db import connection

from identity.models import Run

# A plan on which nobody decided is made anew by each reading, of a whole directory maybe.
UNDECIDED_DAYS: Final = 1
UNDECIDED: Final = (Run.State.SUPERSEDED, Run.State.EXPIRED)
BATCH: Final = 10_000

_FORGET: Final = """
DELETE FROM identity_step WHERE id IN (
  SELECT step.id FROM identity_run run
    JOIN identity_step step ON step.organization_id = run.organization_id AND step.run_id = run.id
   WHERE run.planned > 0
     AND run.ended_at < now() - CASE WHEN run.state = ANY (%(undecided)s) THEN %(few)s ELSE %(many)s END * interval '1 day'
   LIMIT %(batch)s)
"""


def forget() -> int:
    """Forget up to BATCH lines of runs that ended ROLLCALL_PLAN_DAYS ago, of those nobody decided on UNDECIDED_DAYS ago; answers how many.

    The runs stay, with their counts, who approved them and the hash of what was approved. The tenancy must be set.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _FORGET,
            {
                "undecided": list(UNDECIDED),
                "few": UNDECIDED_DAYS,
                "many": settings.ROLLCALL_PLAN_DAYS,
                "batch": BATCH,
            },
        )
        return cursor.rowcount
