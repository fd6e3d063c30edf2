"""The sign-in log's leftovers: attempts that never came back, and spent assertions that nobody could show again."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from audit.record import Actor
from identity import tenancy
from saml import attempt_details, attempts
from saml.models import Attempt, SpentAssertion
from tasks.celery import app
from tasks.jobs.turn import in_turn

BATCH = 1000
# By one statement, which touches nothing else.
AT_ONCE = 10_000


@app.task(name="tasks.jobs.sign_ins.incomplete")
def incomplete() -> int:
    """Close the attempts whose time is over without an answer; answers how many."""
    actor = Actor("job", "incomplete_sign_ins", "sign-in time-out")

    def batch() -> tuple[int, int]:
        with tenancy.everywhere("sign-in attempts that never came back"):
            due = list(
                Attempt.objects.filter(outcome=Attempt.Outcome.OPEN, expires_at__lte=timezone.now()).order_by(
                    "expires_at"
                )[:BATCH]
            )
        return len(due), sum(attempts.close_incomplete(attempt, actor=actor) for attempt in due)

    # Anybody can begin one, and need not go on.
    return in_turn(batch, BATCH)


@app.task(name="tasks.jobs.sign_ins.forget_details")
def forget_details() -> int:
    """Erase the attributes and NameIDs that sign-in attempts brought, when they have been kept for long enough; answers of how many."""
    kept = timedelta(days=settings.ROLLCALL_SIGN_IN_DETAIL_DAYS)
    older_than = timezone.now() - kept

    def batch() -> tuple[int, int]:
        number = attempt_details.forget_details(older_than, AT_ONCE)
        return number, number

    return in_turn(batch, AT_ONCE)


@app.task(name="tasks.jobs.sign_ins.spent")
def spent() -> int:
    """Forget spent assertions that are long expired and would be refused for that alone; answers how many."""
    now = timezone.now()

    def batch() -> tuple[int, int]:
        with tenancy.everywhere("spent assertions past their time"):
            due = SpentAssertion.objects.filter(expires_at__lte=now).order_by("expires_at")
            ids = list(due.values_list("pk", flat=True)[:AT_ONCE])
            return len(ids), SpentAssertion.objects.filter(pk__among=ids).delete()[0]

    return in_turn(batch, AT_ONCE)
