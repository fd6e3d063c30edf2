"""The periodic jobs as operators see them: when each ran last, when it runs next, how far behind it is, and what came of it.

The clock above says which jobs there are (`expect`) and how each run went (`note`); pages, API and metrics read.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from identity.models import JobRun

# A job that runs after every commit needs no row written each time.
_NOTED_EVERY_SECONDS: Final = 5.0
_PROBLEM_LENGTH_MAX: Final = 200
# A tick comes a little late on any busy machine: only beyond this is a job behind.
_PATIENCE_SECONDS: Final = 30.0
_NOTE: Final = """
INSERT INTO identity_jobrun (name, started_at, finished_at, outcome, result, problem, done_at, failures)
VALUES (%(name)s, %(started_at)s, %(finished_at)s, %(outcome)s, %(result)s, %(problem)s,
        CASE WHEN %(done)s THEN %(finished_at)s::timestamptz END, CASE WHEN %(done)s THEN 0 ELSE 1 END)
ON CONFLICT (name) DO UPDATE SET
   started_at = EXCLUDED.started_at, finished_at = EXCLUDED.finished_at, outcome = EXCLUDED.outcome, result = EXCLUDED.result,
   problem = EXCLUDED.problem, done_at = COALESCE(EXCLUDED.done_at, identity_jobrun.done_at),
   failures = CASE WHEN %(done)s THEN 0 ELSE identity_jobrun.failures + 1 END
 WHERE identity_jobrun.started_at <= EXCLUDED.started_at
    OR identity_jobrun.finished_at > EXCLUDED.finished_at + interval '1 minute'  -- a clock was set back
"""
_expected: dict[str, float] = {}
_noted: dict[str, tuple[float, str]] = {}


@dataclass(frozen=True, slots=True)
class Job:
    """A periodic job. `run` is None until it has run once; `lag_seconds` is how long ago its next run should have begun."""

    name: str
    every_seconds: float
    run: JobRun | None
    next_at: datetime | None
    lag_seconds: float

    @property
    def state(self) -> str:
        """Say how it stands in one word: waiting (has not run yet), failed, late, done."""
        if self.run is None:
            return "waiting"
        if self.run.outcome == JobRun.Outcome.FAILED:
            return "failed"
        return "late" if self.lag_seconds > 0 else "done"


def expect(seconds_by_job: Mapping[str, float]) -> None:
    """Say which jobs there are, with the seconds from one run of each to the next."""
    _expected.update(seconds_by_job)


def note(name: str, started_at: datetime, *, result: object = None, problem: str = "") -> None:
    """Write down a run that has just ended; `problem` names what ended it, if anything did. Unknown names are not kept."""
    outcome = JobRun.Outcome.FAILED if problem else JobRun.Outcome.DONE
    at, before = _noted.get(name, (-_NOTED_EVERY_SECONDS, ""))
    if name not in _expected or (before == outcome and time.monotonic() - at < _NOTED_EVERY_SECONDS):
        return
    _noted[name] = (time.monotonic(), outcome)
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE,
            {
                "name": name,
                "started_at": started_at,
                "finished_at": timezone.now(),
                "outcome": outcome.value,
                "result": result if isinstance(result, int) else None,
                "problem": problem[:_PROBLEM_LENGTH_MAX],
                "done": not problem,
            },
        )


def overview() -> list[Job]:
    """Return all jobs by name with their last runs."""
    runs = {run.name: run for run in JobRun.objects.filter(name__in=list(_expected))}
    now = timezone.now()
    return [_job(name, seconds, runs.get(name), now) for name, seconds in sorted(_expected.items())]


def forget() -> None:
    """Forget what this process noted a moment ago (tests)."""
    _noted.clear()


def _job(name: str, seconds: float, run: JobRun | None, now: datetime) -> Job:
    if run is None:
        return Job(name, seconds, None, None, 0.0)
    next_at = run.started_at + timedelta(seconds=seconds)
    behind = (now - next_at).total_seconds()
    return Job(name, seconds, run, next_at, behind if behind > _PATIENCE_SECONDS else 0.0)
