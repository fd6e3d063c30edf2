"""The sign-in log's leftovers: attempts that never came back, and spent assertions that nobody could show again."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from audit.record import Actor
from identity import tenancy
from saml import attempt_details, attempts
from saml.models import Attempt, SpentAssertion
from tasks.celery import app

BATCH = 1000


@app.task(name="tasks.jobs.sign_ins.incomplete")
def incomplete() -> int:
    """Close the attempts whose time is over without an answer; answers how many."""
    actor = Actor("job", "incomplete_sign_ins", "sign-in time-out")
    with tenancy.everywhere("sign-in attempts that never came back"):
        due = list(
            Attempt.objects.filter(outcome=Attempt.Outcome.OPEN, expires_at__lte=timezone.now()).order_by(
                "expires_at"
            )[:BATCH]
        )
    return sum(attempts.close_incomplete(attempt, actor=actor) for attempt in due)


@app.task(name="tasks.jobs.sign_ins.forget_details")
def forget_details() -> int:
    """Erase the attributes and NameIDs that sign-in attempts brought, when they have been kept for long enough; answers of how many."""
    kept = timedelta(days=settings.ROLLCALL_SIGN_IN_DETAIL_DAYS)
    return attempt_details.forget_details(timezone.now() - kept, BATCH * 10)


@app.task(name="tasks.jobs.sign_ins.spent")
def spent() -> int:
    """Forget spent assertions that are long expired and would be refused for that alone; answers how many."""
    with tenancy.everywhere("spent assertions past their time"):
        return SpentAssertion.objects.filter(expires_at__lte=timezone.now()).delete()[0]
