"""The Celery worker."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config import start


class Command(BaseCommand):
    help = "Run the worker that does the jobs."
    requires_system_checks: list[str] = []  # they need loaded models; prepare_database runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--processes", type=int, default=2, help="how many jobs may run at once")

    def handle(self, *_: Any, processes: int, **__: Any) -> None:
        """Check what must hold, then become the worker."""
        start.check_role()
        start.become(start.worker(processes))
