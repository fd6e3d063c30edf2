"""Counters for Prometheus, added up over all web processes (PROMETHEUS_MULTIPROC_DIR), and what is waiting, read on demand."""

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess, values
from prometheus_client import registry as default_registry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from audit import sequencer
from config import servers
from tasks.broker import client
from tasks.timetable import LONG_QUEUE, QUEUE

# For some hundred routes.
FILE_BYTES: Final = 1024 * 1024
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS: Final = Counter(
    "rollcall_requests_total",
    "Requests answered, by door, route and class of status.",
    ("protocol", "route", "status"),
)
SECONDS: Final = Histogram(
    "rollcall_request_seconds",
    "Time to answer a request, by door and route.",
    ("protocol", "route"),
    buckets=_BUCKETS,
)
OUTCOMES: Final = Counter(
    "rollcall_outcomes_total",
    "Entries of the record, by event, outcome and door.",
    ("event", "outcome", "protocol"),
)


log = structlog.get_logger("rollcall.metrics")


def count_request(protocol: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request; `status` is the HTTP status, counted by its class."""
    requests, times = _counters(protocol, route, status // 100)
    requests.inc()
    times.observe(seconds)


@lru_cache(maxsize=2000)
def _counters(protocol: str, route: str, status_class: int) -> tuple[Counter, Histogram]:
    """Return the counters of a route; to find them by their labels costs more than to count."""
    return REQUESTS.labels(protocol, route, f"{status_class}xx"), SECONDS.labels(protocol, route)


def count_entries(counts: Mapping[tuple[str, str, str], int]) -> None:
    """Count committed entries of the record, by (event, outcome, source)."""
    for labels, number in counts.items():
        OUTCOMES.labels(*labels).inc(number)


def reserve() -> None:
    """Take the room on the disk that the counters of this web process will need, before it serves.

    The counters are sparse files, mapped into memory: if a full disk has no room for their next page, the kernel kills the process.
    One that finds no room serves all the same, and is missing in /metrics.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return
    files = [Path(folder, f"{kind}_{os.getpid()}.db") for kind in ("counter", "histogram")]
    try:
        for file in files:
            file.touch()
            with file.open("r+b") as opened:
                os.posix_fallocate(opened.fileno(), 0, FILE_BYTES)
    except OSError as error:
        values.ValueClass = values.MutexValue
        for file in files:
            file.unlink(missing_ok=True)
        log.error("counters_without_room", error=error.strerror)  # noqa: TRY400 - it says all


def render() -> bytes:
    """Give all counters and lags in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_Here())
    registry.register(_Lags())
    return generate_latest(registry)


def directory() -> Path:
    """Say where the web processes of this machine add up their counters unless told otherwise."""
    data: Path = settings.ROLLCALL_DATA
    return data / "metrics"


def forget(counters: Path) -> None:
    """Remove the counters of former processes before the web processes start: they count from zero again."""
    counters.mkdir(parents=True, exist_ok=True)
    for file in counters.glob("*.db"):
        file.unlink(missing_ok=True)


class _Here(Collector):
    """The counters of this process alone, where it is the only one."""

    def collect(self) -> Iterator[Metric]:
        return iter(list(default_registry.REGISTRY.collect()))


class _Lags(Collector):
    """What is waiting, read when asked. A server that is down shows as a missing line, not as an error."""

    def collect(self) -> Iterator[Metric]:
        reachable = GaugeMetricFamily(
            "rollcall_reachable",
            "Whether this machine reaches the server, and that takes changes: 1 or 0.",
            labels=["server"],
        )
        for server, state, ask in (
            ("database", servers.database, _from_database),
            ("broker", servers.broker, _from_broker),
        ):
            word = state()
            try:
                found = list(ask()) if word != servers.UNREACHABLE else []
            except (DatabaseError, redis.RedisError):
                word, found = servers.UNREACHABLE, []
            reachable.add_metric([server], float(word == servers.OK))
            yield from found
        yield reachable


def _from_database() -> Iterator[Metric]:
    """Tell what the database knows. Raises DatabaseError."""
    from config import attention  # `serve` imports this module before models are loaded

    seconds = GaugeMetricFamily(
        "rollcall_sequencer_lag_seconds", "Age of the oldest entry without its place."
    )
    seconds.add_metric([], sequencer.lag_seconds())
    yield seconds
    yield from _jobs()
    waits = GaugeMetricFamily(
        "rollcall_attention", "What waits for a person, over all organizations.", labels=["what"]
    )
    for what, number in attention.counts().items():
        waits.add_metric([what], float(number))
    yield waits


def _from_broker() -> Iterator[Metric]:
    """Tell what the broker knows. Raises redis.RedisError."""
    waiting = GaugeMetricFamily("rollcall_queue_length", "Jobs that wait for a worker.", labels=["queue"])
    for name in (QUEUE, LONG_QUEUE):
        waiting.add_metric([name], float(client(settings.REDIS_URL).llen(name)))
    yield waiting


def _jobs() -> Iterator[Metric]:
    """Tell how far behind each periodic job is, when it last ended well, and how often it failed since.

    The label is `name`: Prometheus gives each target a label `job` of its own.
    """
    from identity import jobs

    lag = GaugeMetricFamily(
        "rollcall_job_lag_seconds", "How long ago a job's next run should have begun.", labels=["name"]
    )
    done = GaugeMetricFamily(
        "rollcall_job_done_timestamp_seconds", "When a job last ended well.", labels=["name"]
    )
    failures = GaugeMetricFamily(
        "rollcall_job_failures", "Runs of a job that failed since it last ended well.", labels=["name"]
    )
    for job in jobs.overview():
        lag.add_metric([job.name], job.lag_seconds)
        if job.run is not None:
            failures.add_metric([job.name], job.run.failures)
            if job.run.done_at is not None:
                done.add_metric([job.name], job.run.done_at.timestamp())
    yield from (lag, done, failures)
