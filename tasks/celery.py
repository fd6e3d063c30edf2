"""The Celery application: jobs may run twice, late or beside themselves, and a dead broker delays nobody.

The rows in PostgreSQL are the queue. The broker carries wake-ups alone, so whatever it loses comes again with the
next tick of the timetable.
"""

import gc
import logging.config
import os
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any, Final

import psutil
import structlog
from celery import Celery, Task, bootsteps
from celery.signals import setup_logging, worker_before_create_process
from structlog.contextvars import bound_contextvars

from audit import context

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Django's checks load every page and every call of the API, of which no job uses any. `prepare_database` runs them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")

REQUEST_HEADER: Final = "rollcall_request_id"

log = structlog.get_logger("rollcall.jobs")


class Job(Task):
    """A task that runs with the request id of whoever asked for it, in the logs and in the record."""

    abstract = True

    def apply_async(self, *args: Any, headers: dict[str, Any] | None = None, **options: Any) -> Any:
        """Send the job off with the request id of the running request or job."""
        if request_id := context.current().request_id:
            headers = {**(headers or {}), REQUEST_HEADER: request_id}
        return super().apply_async(*args, headers=headers, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the job in its own context."""
        request_id = (self.request.headers or {}).get(REQUEST_HEADER) or self.request.id or str(uuid.uuid4())
        with (
            context.bind(request_id=request_id, source="system", ip="", user_agent=""),
            bound_contextvars(job=self.name),
        ):
            begun, started_at, result = time.perf_counter(), datetime.now(UTC), None
            try:
                result = super().__call__(*args, **kwargs)
            finally:
                failure = sys.exc_info()[0]
                self._note(started_at, result, failure.__name__ if failure else "")
            # A job that found nothing to do answers 0 or None, every few seconds: not news.
            tell = log.info if result else log.debug
            tell("job", milliseconds=round((time.perf_counter() - begun) * 1000, 1))
            return result

    def _note(self, started_at: datetime, result: object, problem: str) -> None:
        """Write the run down for operators. A database that is down takes nothing else along."""
        from django.db import DatabaseError

        from identity import jobs

        try:
            jobs.note(self.name, started_at, result=result, problem=problem)
        except DatabaseError as error:
            log.warning("run_not_noted", error=type(error).__name__)


class EndAtOnce(bootsteps.StartStopStep):
    """End a worker that cannot go on, with all that it is at: whoever tends it starts another one, which does those jobs anew.

    Celery has it wait for its jobs and do no others meanwhile: for ever where a failure is too long for a pipe that nobody reads any more.
    A broker that dies while a job is at work is such an end: kombu fails at giving that job back (5.7.0).
    """

    requires: Final = ("celery.worker.components:Pool",)  # stopped before that

    def stop(self, parent: Any) -> None:
        """Be called for every end. Whoever asked for it by a signal has Celery wait for the jobs; of Ctrl-C it makes an `exitcode` too."""
        from celery.worker import state

        if parent.exitcode and state.should_stop is None:
            log.error("worker_ended", code=parent.exitcode)
            for process in psutil.Process().children():
                process.kill()
            os._exit(parent.exitcode)


def application(**options: Any) -> Celery:
    """Make a Celery application of our settings."""
    made = Celery("rollcall", **options)
    made.config_from_object("django.conf:settings", namespace="CELERY")
    return made


app = application(task_cls=Job)
# Each job is made with its module. Else the first who asks for it makes it, and another thread that asks meanwhile is given half of it.
app.finalize()
app.steps["worker"].add(EndAtOnce)
app.autodiscover_tasks(["tasks"], related_name="jobs")
app.autodiscover_tasks(["tasks"], related_name="wake")


@setup_logging.connect
def _log_as_django_does(**_: object) -> None:
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@worker_before_create_process.connect
def _keep_what_is_loaded(**_: object) -> None:
    """Keep the garbage collectors of the processes from what they share: each page that one of them writes on becomes its own."""
    gc.collect()
    gc.freeze()
