"""For each periodic job: something that is due twice over, where to hold the job in the middle of it, and what must have come of it.

A case prepares what is due (most of it by having the verbs called some days ago) and returns a Due: the statement whose lock the job
runs into behind its first half, what to look at, and what it must be in the end, however often the job was begun.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import time_machine
from django.utils import timezone

from audit.models import Entry
from identity import (
    tenancy,
)

TABLE = "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE"
ROW = "SELECT 1 FROM {} WHERE id = '{}' FOR UPDATE"


@dataclass(frozen=True)
class Due:
    """`hold` is run by a superuser in an open transaction; `look` gives what must become `wanted`.

    `later` lets the lease run out that a dead worker has left.
    """

    hold: str
    look: Callable[[], Any]
    wanted: Any
    later: str = ""


@dataclass(frozen=True)
class World:
    """Acme and who is in it, and what else a case needs of the fixtures."""

    acme: Any
    ada: Any
    okta: Any
    zone: Any
    site: Any
    eraser: Any
    monkeypatch: Any

    def count(self, event: str) -> int:
        """Tell how many entries of this event acme's record has."""
        with tenancy.of(self.acme):
            return Entry.objects.filter(event=event).count()

    def number(self, model: Any, **conditions: Any) -> int:
        """Tell how many of acme's rows fit."""
        with tenancy.of(self.acme):
            return int(model.objects.filter(**conditions).count())

    def behind_the_triggers(self, sql: str) -> None:
        """Change what no verb changes: the time at which something happened."""
        self.eraser.execute(f"SET session_replication_role = replica; {sql}; RESET session_replication_role")


def past(**delta: float) -> Any:
    """Let it be some time ago."""
    return time_machine.travel(timezone.now() - timedelta(**delta), tick=True)
