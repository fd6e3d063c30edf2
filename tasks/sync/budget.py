"""How much of the workers' time a directory may take: so much a day, so much a run. A slow or endless one is cut off, the others go on."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.db.models import Sum
from django.utils import timezone

from identity import pull_settings
from identity.models import Run
from tasks.connectors.faults import Fault

# A run that waits for the next day looks so often whether its directory was given more.
LOOK_AGAIN: Final = timedelta(hours=1)
# So often in a row a run may meet a directory that does not answer, or a worker may die over it.
ATTEMPTS_MAX: Final = 8
# Whoever was cut off after so much of a day in one go will be so tomorrow too.
_WHOLE_DAY: Final = 0.9


class DaySpent(Fault):
    """The directory has had its time for today: the run goes on from its checkpoint tomorrow."""

    code = "day_spent"


class RunSpent(Fault):
    """The run has had more than a run may take, or can never be done within a day: it ends."""

    code = "run_spent"


class WorkersDied(Fault):
    """Worker after worker ended in the middle of the run, and none came further: it ends."""

    code = "workers_died"


@dataclass(frozen=True, slots=True)
class Budget:
    """The seconds of a worker's time that are left for the directory today, and for the run; and what they were."""

    day_left: float
    run_left: float
    day_minutes: int
    run_minutes: int

    @property
    def left(self) -> float:
        """Return for how many seconds a worker may go on now."""
        return min(self.day_left, self.run_left)


def today() -> date:
    """Return the day that counts, in UTC."""
    return timezone.now().astimezone(UTC).date()


def note(run: Run, seconds: float) -> None:
    """Count a worker's time to the run and to the day; the caller saves COLUMNS."""
    if run.worked_day != today():
        run.worked_day, run.worked_today_seconds = today(), 0.0
    run.worked_today_seconds += seconds
    run.worked_seconds += seconds


COLUMNS: Final = ("worked_seconds", "worked_day", "worked_today_seconds")


def of(run: Run) -> Budget:
    """Return what is left; the tenancy must be set."""
    rules = pull_settings.rules_of(run.directory)
    runs = Run.objects.filter(
        organization=run.organization_id, directory=run.directory_id, worked_day=today()
    )
    worked = runs.aggregate(seconds=Sum("worked_today_seconds"))["seconds"] or 0.0
    return Budget(
        rules["day_minutes"] * 60 - worked, rules["run_minutes"] * 60 - run.worked_seconds, rules["day_minutes"], rules["run_minutes"]
    )  # fmt: skip


def fault_of(run: Run, budget: Budget) -> Fault | None:
    """Say why the run does not go on now; None where it does."""
    if run.attempts > ATTEMPTS_MAX:
        return WorkersDied(
            "Worker after worker ended over this run, and none came further: an operator finds the reason in their logs, "
            f"by the run's id {run.pk}."
        )
    if budget.run_left <= 0:
        return RunSpent(
            f"The run took more than the {budget.run_minutes} minutes that one may take (run_minutes): the rest of it does not happen. "
            "Narrow what is read, or allow more."
        )
    if budget.day_left > 0:
        return None
    begun_anew = run.state == Run.State.FETCHING and run.checkpoint is None
    if begun_anew and run.worked_seconds >= budget.day_minutes * 60 * _WHOLE_DAY:
        return RunSpent(
            f"This directory can only be read in one go, and that takes more than its {budget.day_minutes} minutes a day (day_minutes): "
            "narrow what is read, or allow more."
        )
    return DaySpent(
        f"Today's {budget.day_minutes} minutes of this directory are used up (day_minutes): the run goes on "
        f"{'anew' if begun_anew else 'from where it is'} at midnight UTC, or within an hour after it is allowed more."
    )


def goes_on_at() -> datetime:
    """Return when a run whose day is spent is looked at again: at midnight UTC, or earlier, since it may have been allowed more."""
    now = timezone.now()
    midnight = datetime.combine(today() + timedelta(days=1), time(), UTC)
    return min(now + LOOK_AGAIN, midnight)
