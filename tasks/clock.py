"""The clock's own time: it only goes forward, whatever becomes of the machine's, and begins with a run of every job.

Celery's beat reckons by the time of day: set back by an hour, it sends nothing for an hour. And as it remembers nothing, one that is
started anew more often than once an hour never comes to the jobs that are done once an hour.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from celery.beat import ScheduleEntry, Scheduler

from tasks.celery import application

# From the start of a clock to the first job that is not done more often anyway: one that dies at once, again and again, sends nothing.
FIRST_SECONDS: Final = 20
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)

# It sends the names of jobs, and so loads neither them nor our models: a quarter of the memory, and of the time to start.
app = application(fixups=[])


def steady_now() -> datetime:
    """Return how long this machine has been up, as a date: good for differences and for nothing else."""
    return _BEGINNING + timedelta(seconds=time.monotonic())


class Tick(ScheduleEntry):
    """A job of the timetable, whose turns are counted by the steady time."""

    def __init__(self, *args: Any, last_run_at: datetime | None = None, **options: Any) -> None:
        super().__init__(*args, last_run_at=last_run_at or steady_now(), **options)
        self.schedule.nowfun = steady_now


class Clock(Scheduler):
    """Sends the jobs of the timetable; a new one sends each of them within a minute, one a second."""

    Entry = Tick

    def setup_schedule(self) -> None:
        """Lay the first turns, then the timetable goes on as it says."""
        super().setup_schedule()
        for place, tick in enumerate(self.schedule.values()):
            pause = timedelta(seconds=FIRST_SECONDS + place)
            tick.last_run_at += min(pause - tick.schedule.run_every, timedelta())
