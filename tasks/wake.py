"""Wake-ups after a commit: the sequencer, so that an entry has its place within a second, and who reads a directory or metadata.

Many commits share one wake-up of the sequencer: it runs a moment after it was sent, and a process that commits in that moment need
not even ask whether one is on its way. When that can't be known it asks, but not with each commit: one question, put a moment later by a
thread, is good for all commits until then.

Only a convenience: the timetable's tick finds whatever no wake-up was sent for. So a request pays next to nothing
for a broker that is down, and nothing is lost.
"""

import time
from collections.abc import Callable
from contextvars import copy_context
from threading import Timer
from typing import Final
from uuid import UUID

import redis
import structlog
from django.conf import settings
from kombu.exceptions import OperationalError

from audit import sequencer
from tasks.broker import client
from tasks.celery import app
from tasks.jobs.connections import fetch_metadata
from tasks.sync.attend import attend

KEY: Final = "rollcall:sequencer:awake"
KEY_MILLISECONDS: Final = 2000  # a wake-up that the broker lost is sent again after this
GATHER_SECONDS: Final = 0.3  # from the sequencer's wake-up to its run
QUIET_SECONDS: Final = (
    0.2  # how long whoever knows of one sends none: less than that, since the clocks of machines differ
)
PAUSE_SECONDS: Final = 0.2  # from one question of a process to its next
REST_SECONDS: Final = 5.0  # how long a broker that did not answer is left alone

log = structlog.get_logger("rollcall.wake")
_rest_until = 0.0
_quiet_until = 0.0
_asked_at = 0.0
_asks_at = 0.0


@app.task(name="tasks.wake.sequence")
def sequence() -> int:
    """Give every committed entry its place; answers how many there were."""
    try:
        # First the key, then the entries: whoever commits from now on sends a wake-up of their own.
        client(settings.REDIS_URL).delete(KEY)
    except redis.RedisError as error:
        log.warning("broker_unreachable", error=type(error).__name__)
    return sequencer.run()


def wake() -> None:
    """Have the sequencer sent one wake-up, unless one is on its way. Never raises."""
    global _asks_at  # noqa: PLW0603 - one clock a process; a race costs one more question
    now = time.monotonic()
    # Whoever is to ask does so after this commit.
    if now < _quiet_until or now < _asks_at:
        return
    if now >= _asked_at + PAUSE_SECONDS:
        _send(_to_the_sequencer)
    else:
        _asks_at = now + PAUSE_SECONDS
        Timer(PAUSE_SECONDS, copy_context().run, [_send, _to_the_sequencer]).start()


def wake_directory(organization_id: UUID, directory_id: UUID) -> None:
    """Have a worker look at the directory at once. Never raises."""
    _send(lambda broker: _to_a_directory(broker, str(organization_id), str(directory_id)))


def wake_for_metadata() -> None:
    """Have a worker load at once what somebody waits for. Never raises."""
    _send(_to_metadata)


def _to_the_sequencer(broker: "redis.Redis") -> None:
    global _quiet_until, _asked_at  # noqa: PLW0603 - as above
    begun, age = time.monotonic(), 0.0
    _asked_at = begun
    if broker.set(KEY, "1", nx=True, px=KEY_MILLISECONDS):
        sequence.apply_async(retry=False, expires=60, countdown=GATHER_SECONDS)
    else:
        age = (KEY_MILLISECONDS - max(broker.pttl(KEY), 0)) / 1000
    _quiet_until = begun + QUIET_SECONDS - age


def _to_a_directory(broker: "redis.Redis", organization: str, directory: str) -> None:
    broker.ping()  # fails sooner than Celery does
    attend.apply_async((organization, directory), retry=False, expires=60)


def _to_metadata(broker: "redis.Redis") -> None:
    broker.ping()
    fetch_metadata.apply_async(retry=False, expires=60)


def _send(wake_up: Callable[["redis.Redis"], None]) -> None:
    """Let the wake-up have the broker, unless that was found down a moment ago."""
    global _rest_until  # noqa: PLW0603 - one circuit a process; a race costs one more try
    if time.monotonic() < _rest_until:
        return
    try:
        wake_up(client(settings.REDIS_URL))
    except (redis.RedisError, OperationalError) as error:
        _rest_until = time.monotonic() + REST_SECONDS
        log.warning("broker_unreachable", error=type(error).__name__, rest_seconds=REST_SECONDS)
