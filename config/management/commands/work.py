"""The Celery worker."""

from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

from config import start
from tasks.timetable import LONG_QUEUE, QUEUE

QUEUES: Final = {"short": QUEUE, "long": LONG_QUEUE}


class Command(BaseCommand):
    help = "Run the worker that does the jobs."
    requires_system_checks: list[str] = []  # they need loaded models; prepare_database runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only",
            choices=list(QUEUES),
            default="",
            help="short jobs, or long ones: directories and bundles",
        )
        parser.add_argument("--processes", type=int, default=2, help="how many jobs may run at once")

    def handle(self, *_: Any, processes: int, only: str, **__: Any) -> None:
        """Check what must hold, then become the worker."""
        start.check_semaphores()
        start.check_database()
        start.become(start.worker(processes, QUEUES.get(only, "")))
