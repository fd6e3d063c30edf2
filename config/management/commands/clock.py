"""The clock (Celery beat): sends each job of the timetable to a worker when it is time."""

from typing import Any

from django.core.management.base import BaseCommand

from config import start


class Command(BaseCommand):
    help = "Run the clock of the timetable. Several at once are harmless."
    requires_system_checks: list[str] = []  # they need loaded models; prepare_database runs them

    def handle(self, *_: Any, **__: Any) -> None:
        """Become the clock; it needs no database."""
        start.become(start.clock())
