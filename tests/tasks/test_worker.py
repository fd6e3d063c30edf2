"""A real worker: entries get their place right after commit, a killed worker loses nothing, a dead broker delays nobody."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import redis
from django.conf import settings

from audit import sequencer
from audit.models import Position
from config.embedded import valkey
from config.embedded.state import Secrets
from identity import members, tenancy
from identity.models import JobRun
from saml import fetches
from saml.models import MetadataFetch
from saml.refusals import Refused
from tasks import wake
from tasks.celery import app
from tasks.jobs.connections import fetch_metadata
from tests.conftest import ROOT, SETUP, join
from tests.database import named
from tests.ports import free_port
from tests.settings import SERVERS
from tests.waiting import PATIENCE, eventually

_BLOCKED = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""


@contextmanager
def worker(environment, processes=1, queue="") -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "celery",
            "--app=tasks.celery",
            "worker",
            f"--concurrency={processes}",
            "--loglevel=WARNING",
            *([f"--queues={queue}"] if queue else []),
        ],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)


def places(organization):
    with tenancy.of(organization):
        return Position.objects.count()


@pytest.fixture
def broker(db):
    """Give the broker of this test process, empty."""
    connection = redis.Redis.from_url(settings.REDIS_URL)
    connection.flushdb()
    wake._rest_until = wake._quiet_until = wake._asked_at = wake._asks_at = 0
    yield connection
    connection.flushdb()
    connection.close()
    wake._rest_until = 0


def test_a_worker_gives_entries_their_place_after_commit_also_while_it_is_stopped(
    broker, environment, database, eraser, acme, jane, capfd
):
    with worker(environment) as process:
        assert eventually(lambda: sequencer.lag_seconds() == 0)
        before = places(acme)
        members.suspend(jane, actor=SETUP)
        assert eventually(lambda: places(acme) == before + 1)
        with psycopg.connect(named(SERVERS.superuser_url, database)) as holding:
            holding.execute("LOCK TABLE audit_position IN SHARE ROW EXCLUSIVE MODE")
            members.reactivate(jane, actor=SETUP)
            assert eventually(lambda: eraser.execute(_BLOCKED).fetchone()[0]), "a job is at work"
            os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C at a terminal
            assert eventually(lambda: "Warm shutdown" in capfd.readouterr().out)
        process.wait(PATIENCE)
        assert places(acme) == before + 2
        assert "worker_ended" not in "".join(capfd.readouterr())


def test_a_killed_worker_loses_nothing(broker, environment, acme, jane):
    with worker(environment) as first:
        assert eventually(lambda: sequencer.lag_seconds() == 0)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait(PATIENCE)
    for number in range(5):
        join(acme, f"p{number}")
    assert sequencer.lag_seconds() > 0
    broker.flushdb()  # even the wake-ups are lost: the tick of the timetable finds what waits
    with worker(environment):
        wake.sequence.apply_async()
        assert eventually(lambda: sequencer.lag_seconds() == 0)


def test_a_worker_whose_broker_dies_while_it_is_at_work_goes_on_or_ends_at_once(
    tmp_path, environment, database, eraser, db, acme
):
    secrets, port = Secrets(**dict.fromkeys(Secrets.__dataclass_fields__, "x")), free_port()
    its_own = valkey.url(port, secrets)
    valkey.start(tmp_path, port, secrets, tied=True)
    try:
        with (
            psycopg.connect(named(SERVERS.superuser_url, database)) as holding,
            app.connection_for_write(its_own) as connection,
            worker({**environment, "REDIS_URL": its_own}, processes=2) as process,
        ):
            holding.execute("LOCK TABLE audit_position IN SHARE ROW EXCLUSIVE MODE")
            wake.sequence.apply_async(connection=connection)
            assert eventually(lambda: eraser.execute(_BLOCKED).fetchone()[0]), "a job is at work"
            os.kill(valkey.pid(tmp_path), signal.SIGKILL)
            valkey.start(tmp_path, port, secrets, tied=True)
            with app.connection_for_write(its_own) as again:
                fetch_metadata.apply_async(connection=again)
            # Which of the two depends on the connection of which it hears first.
            assert eventually(lambda: process.poll() or JobRun.objects.exists())
    finally:
        valkey.stop(tmp_path)


def test_a_dead_broker_delays_nobody_and_loses_nothing(broker, acme, jane, settings, monkeypatch):
    nowhere = "redis://127.0.0.1:1/0"
    settings.REDIS_URL = nowhere
    for clock in ("_rest_until", "_quiet_until", "_asked_at", "_asks_at"):
        monkeypatch.setattr(wake, clock, 0)
    members.suspend(jane, actor=SETUP)
    assert wake._rest_until > time.monotonic(), "the broker is left alone for a while"
    members.reactivate(jane, actor=SETUP)
    assert sequencer.run() > 0
    assert sequencer.lag_seconds() == 0


def test_a_worker_loads_what_somebody_typed_and_the_tick_finds_what_nobody_was_woken_for(
    broker, environment, acme
):
    inside = "https://10.0.0.1/metadata"
    with pytest.raises(Refused) as refused:
        fetches.document(acme.pk, inside, actor=SETUP)
    assert refused.value.code == "metadata_unread", "no worker runs yet"
    broker.flushdb()
    with worker(environment):
        fetch_metadata.apply_async()  # as the clock does, every ten seconds
        with tenancy.of(acme):
            assert eventually(lambda: MetadataFetch.objects.filter(answered_at__isnull=False).exists())
        for _ in range(2):
            # What was loaded meanwhile, and then the same once more: by a wake-up.
            with pytest.raises(Refused) as refused:
                fetches.document(acme.pk, inside, actor=SETUP)
            assert refused.value.code == "metadata_fetch"
            assert "private network" in refused.value.detail
