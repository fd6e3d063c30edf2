"""Every job of the timetable killed in its middle: nothing is lost and nothing is doubled, whichever worker goes on."""

import importlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings as configured

from tasks.celery import app
from tasks.timetable import TIMETABLE
from tests.database import named
from tests.dns_server import Zone, _serving
from tests.saml.test_watch import site  # noqa: F401 - a fixture
from tests.settings import SERVERS
from tests.tasks import due_sources, due_within
from tests.tasks.due import World
from tests.tasks.test_worker import worker
from tests.waiting import eventually

CASES = {**due_within.CASES, **due_sources.CASES}
_BLOCKED = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""


@pytest.fixture(scope="module")
def dns() -> Iterator[Zone]:
    """Give the DNS server that the workers ask."""
    made = Zone()
    with _serving(made):
        yield made


@pytest.fixture(scope="module")
def workers(environment, dns):
    """Give a Celery worker of two processes, on an empty broker."""
    broker = redis.Redis.from_url(configured.REDIS_URL)
    broker.flushdb()
    asked = {"ROLLCALL_DNS_SERVERS": f"127.0.0.1:{dns.port}", "ROLLCALL_OUTBOUND_ALLOW": "localhost"}
    with worker(environment | asked, processes=2) as process:
        yield process
    broker.flushdb()
    broker.close()


@pytest.fixture
def superuser(database):
    """Give a connection that can hold any row."""
    with psycopg.connect(named(SERVERS.superuser_url, database)) as connection:
        yield connection
        connection.rollback()


def children(process) -> set[int]:
    return {int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()}


@contextmanager
def held(connection, statement) -> Iterator[None]:
    connection.execute(statement)
    try:
        yield
    finally:
        connection.rollback()


def job_of(name):
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(module), function)


def test_every_job_of_the_timetable_has_its_case():
    """A new job needs one: write what is due twice over and where to hold the job into one of the modules beside."""
    assert {entry.job for entry in TIMETABLE} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_job_killed_in_its_middle_loses_and_doubles_nothing(
    name,
    acme,
    ada,
    okta,
    eraser,
    dns,
    site,  # noqa: F811 - the fixture
    monkeypatch,
    workers,
    superuser,
    metadata_worker,
):
    world = World(acme, ada, okta, dns, site, eraser, monkeypatch)
    case = CASES[name](world)
    assert eventually(lambda: len(children(workers)) == 2)
    with held(superuser, case.hold):
        app.send_task(name)
        assert eventually(lambda: eraser.execute(_BLOCKED).fetchone()[0]), (
            "the job never came to where it is held"
        )
        assert case.look() != case.wanted, "it was done before it was held"
        killed = children(workers)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: len(children(workers) - killed) == 2), "other workers take their place"
    if case.later:
        world.behind_the_triggers(case.later)
    # The clock ticks on, twice at once.
    app.send_task(name)
    app.send_task(name)
    assert eventually(lambda: case.look() == case.wanted), f"{case.look()} is not {case.wanted}"
    job_of(name)()
    time.sleep(0.2)
    assert case.look() == case.wanted, "once more, and nothing is doubled"
