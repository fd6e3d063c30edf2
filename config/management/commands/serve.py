"""The web processes: granian, several processes of several threads, each keeping its database connections."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import metrics, start


class Command(BaseCommand):
    help = "Run the web processes (ROLLCALL_WEB_WORKERS of ROLLCALL_WEB_THREADS threads each)."
    requires_system_checks: list[str] = []  # they need loaded models; prepare_database runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *_: Any, bind: str, port: int, **__: Any) -> None:
        """Check what must hold, then become granian."""
        start.refuse_busy(bind, port)
        start.check_database()
        if not settings.ROLLCALL_DEBUG and not (settings.STATIC_ROOT / "staticfiles.json").exists():
            raise CommandError("The static files are missing: run `manage.py collectstatic --noinput` first.")
        counters = Path(os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(metrics.directory())))
        metrics.forget(counters)
        start.become(start.web(bind, port))
