"""A worker whose parent process is killed in the middle of a run: its children end by themselves, and another worker goes on."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from django.conf import settings

from audit.models import Entry
from identity import pulls, sync_runs, tenancy
from identity.models import Link, Member, Run
from tasks.jobs import directories as jobs
from tests.conftest import ROOT, SETUP
from tests.sync.conftest import ADA
from tests.sync.scripted import go_on
from tests.sync.test_work import MAPPING, look, time_passes, until
from tests.waiting import PATIENCE

PEOPLE = 3000


@pytest.fixture
def start(environment):
    """Give what starts a worker as operators do; whatever is left of it is killed at the end."""
    started = []

    def worker():
        command = [sys.executable, "manage.py", "work", "--processes=2"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
        started.append(process)
        return process

    yield worker
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)


def alive(group):
    """Give the processes of a session, dead ones that nobody has waited for left out."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _, of_group = (path / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state != "Z":
                found.add(int(path.name))
    return found


def test_a_run_goes_on_and_nothing_is_left_behind(acme, start):
    broker = redis.Redis.from_url(settings.REDIS_URL)
    broker.flushdb()
    pull = pulls.create(acme, kind="csv", name="HR", settings={"mapping": MAPPING}, actor=SETUP)
    rows = "\n".join(f"{number},u{number},team{number % 9}" for number in range(PEOPLE))
    pulls.put_file(pull, f"No,Login,Teams\n{rows}".encode(), "people.csv", actor=SETUP)
    made = go_on(sync_runs.ask(pull.directory, actor=SETUP))
    first = start()
    until(lambda: len(alive(first.pid)) == 3)
    sync_runs.approve(made, made.plan_hash, actor=ADA)
    jobs.due()
    until(lambda: look(made, "applied") >= 500)
    os.kill(first.pid, signal.SIGKILL)
    first.wait(PATIENCE)
    assert look(made, "state") == "applying"
    until(lambda: not alive(first.pid))
    left_at = look(made, "applied")
    assert left_at < PEOPLE, "nobody works on it any more"
    time_passes(made)
    start()

    def ticked():
        jobs.due()
        return look(made, "state") == "done"

    until(ticked)
    broker.flushdb()
    broker.close()
    with tenancy.of(acme):
        assert Run.objects.get().skipped == 0
        assert Member.objects.count() == Link.objects.count() == PEOPLE
        assert Entry.objects.filter(event="member.create").count() == PEOPLE
