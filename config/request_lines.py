"""Writes the line that each request leaves in the log, in one go: its fields are always the same ones.

structlog's chain and logging's took a fifth of the processor time of a read to find out what this file knows.
"""

import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import orjson
from django.conf import settings

from audit.json_text import instant
from config.logs import clean

LOGGER: Final = "rollcall.request"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_level = logging.getLogger(LOGGER)


def write(method: str, route: str, status: int, seconds: float, *, request_id: str, source: str) -> None:
    """Write the line to where all lines go (stderr), as JSON or as text. `route` is ours; the rest of an address never gets here."""
    if not _level.isEnabledFor(logging.INFO):
        return
    fields = {
        "method": method if method in METHODS else "other",
        "route": route,
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
        # Somebody else may have made it: of letters that an id may have, and a token would have too.
        "request_id": clean(request_id),
        "source": source,
    }
    now = instant(datetime.now(UTC))
    line = (
        orjson.dumps(
            {**fields, "event": "request", "level": "info", "logger": LOGGER, "timestamp": now}
        ).decode()
        if settings.ROLLCALL_LOG_FORMAT == "json"
        else f"{now} [info     ] {'request':<30} [{LOGGER}] "
        + " ".join(f"{name}={value}" for name, value in sorted(fields.items()))
    )
    # As in logging: nobody's request fails because a log can't be written.
    with suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
