"""Workers and the clock: claims, faults, schedules, and that a dead worker or broker loses nothing and doubles nothing."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from audit.models import Entry
from identity import directories, pulls, sync_runs, tenancy
from identity.models import Link, Member, Membership, Pull, Run, Step
from tasks.connectors.interface import End, Page
from tasks.jobs import directories as jobs
from tasks.sync import claim, work
from tests.conftest import ROOT, SETUP, later_on
from tests.sync.conftest import ADA
from tests.sync.scripted import (
    crowd,
    go_on,
    listing,
    person,
    pull_of,
    run,
)
from tests.waiting import PATIENCE, eventually

MAPPING = {"external_id": "No", "user_name": "Login", "groups": "Teams"}


def test_a_run_belongs_to_one_worker_at_a_time(hr):
    made = sync_runs.ask(hr.directory, actor=SETUP)
    mine = claim.take(made.organization_id, made.pk)
    assert claim.take(made.organization_id, made.pk) is None
    with later_on(minutes=3):
        theirs = claim.take(made.organization_id, made.pk)
        assert theirs is not None, "the first one has been silent for too long"
        with pytest.raises(claim.LostClaim), mine.hold():
            pytest.fail("a worker that lost its claim writes nothing")
        with theirs.hold():
            pass


def test_a_cancelled_run_stops_its_worker(hr):
    made = sync_runs.ask(hr.directory, actor=SETUP)
    mine = claim.take(made.organization_id, made.pk)
    sync_runs.cancel(made, actor=ADA)
    with pytest.raises(claim.LostClaim), mine.hold():
        pytest.fail("it was cancelled")


def test_the_clock_queues_what_is_due_once(hr, acme, monkeypatch):
    sent = []
    monkeypatch.setattr(work.work, "apply_async", lambda arguments, **_: sent.append(arguments))
    assert jobs.due() == 0
    with later_on(hours=2):
        assert (jobs.due(), jobs.due()) == (1, 1), "a run that waits is woken again, and not doubled"
    assert len(set(sent)) == 1
    with tenancy.of(acme):
        assert Run.objects.filter(state="waiting").count() == 1


def test_an_inactive_directory_is_not_read(hr, acme):
    directories.change(hr.directory, active=False, actor=SETUP)
    with later_on(hours=2):
        assert sync_runs.start_due(acme.pk, hr.pk, actor=SETUP) is None


def test_directories_that_are_switched_off_keep_no_other_waiting(hr, acme, monkeypatch):
    monkeypatch.setattr(work.work, "apply_async", lambda *_, **__: None)
    monkeypatch.setattr(jobs, "BEGUN_AT_ONCE", 1)
    off = pull_of(acme, "Off")
    directories.change(off.directory, active=False, actor=SETUP)
    with tenancy.of(acme):
        due = Pull.objects.get(pk=hr.pk).due_at
        Pull.objects.filter(pk=off.pk).update(due_at=due - timedelta(hours=1))
    with later_on(hours=2):
        assert jobs.due() == 1
    with tenancy.of(acme):
        assert Run.objects.get(state="waiting").directory_id == hr.directory_id


def test_the_clock_begins_all_that_is_due_and_wakes_a_worker_for_each(hr, acme, monkeypatch):
    sent = []
    monkeypatch.setattr(work.work, "apply_async", lambda arguments, **_: sent.append(arguments))
    monkeypatch.setattr(jobs, "BEGUN_AT_ONCE", 1)
    for name in ("Second", "Third"):
        pull_of(acme, name)
    with later_on(hours=2):
        assert jobs.due() == 3
    with tenancy.of(acme):
        waiting = Run.objects.filter(state="waiting").values_list("pk", flat=True)
        assert {run_id for _, run_id in sent} == set(map(str, waiting))
    assert len(sent) == 3


def test_a_plan_nobody_approved_is_closed_by_the_clock(hr):
    listing(*crowd(4), *[person(f"p{place:02}", active=False) for place in range(4, 10)])
    run(hr)
    assert jobs.expired() == 0
    with later_on(hours=25):
        assert (jobs.expired(), jobs.expired()) == (1, 0)


def test_a_long_reading_lets_others_have_a_turn(hr, script):
    people = crowd(10)
    script.pages = [Page([one], checkpoint={"page": place + 1}) for place, one in enumerate(people)]
    script.pages.append(Page(end=End(whole=True)))
    made = sync_runs.ask(hr.directory, actor=SETUP)
    turns = 1
    while work.turn(made.organization_id, made.pk, seconds=0):
        turns += 1
    assert turns > 5
    with tenancy.of(made.organization_id):
        made = Run.objects.get(pk=made.pk)
    assert (made.state, made.staged, made.counts) == ("done", 10, {})


# --- killed --------------------------------------------------------------------------------------------


def process(environment, organization, run_id):
    """Have a process of its own work on the run, as a worker does."""
    code = (
        "import django; django.setup()\n"
        "from uuid import UUID\n"
        "from tasks.sync import work\n"
        f"while work.turn(UUID('{organization}'), UUID('{run_id}'), seconds=60): pass\n"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, start_new_session=True)


def until(condition):
    assert eventually(condition), "it never came to that"


def look(made, name):
    with tenancy.of(made.organization_id):
        return Run.objects.values_list(name, flat=True).get(pk=made.pk)


def time_passes(made):
    """Let the dead worker's lease run out."""
    with tenancy.of(made.organization_id):
        Run.objects.filter(pk=made.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def file_of(organization, people):
    """Give a directory of so many people in sixty groups, as a file."""
    pull = pulls.create(organization, kind="csv", name="HR", settings={"mapping": MAPPING}, actor=SETUP)
    rows = [f"{number},u{number},team{number % 60}|all" for number in range(people)]
    pulls.put_file(pull, ("No,Login,Teams\n" + "\n".join(rows)).encode(), "people.csv", actor=SETUP)
    return pull


def test_workers_killed_in_every_phase_lose_nothing_and_double_nothing(acme, environment):
    made = sync_runs.ask(file_of(acme, 3000).directory, actor=SETUP)

    def killed_when(condition):
        worker = process(environment, acme.pk, made.pk)
        until(condition)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(PATIENCE)
        assert claim.take(acme.pk, made.pk) is None or not look(made, "lease"), "its lease still holds"
        time_passes(made)

    killed_when(lambda: look(made, "staged") >= 1000)
    held = go_on(made)
    assert (held.state, held.staged, held.counts["create"]) == ("held", 3000, 3000)
    sync_runs.approve(held, held.plan_hash, actor=ADA)
    killed_when(lambda: look(made, "applied") >= 500)
    assert 500 <= look(made, "applied") < 3061
    killed_when(lambda: look(made, "applied") >= 2000)
    killed_when(lambda: look(made, "applied") >= 3070)
    done = go_on(made)
    assert (done.state, done.applied, done.skipped) == ("done", 3000 + 61 + 61, 0)
    with tenancy.of(acme):
        assert Member.objects.count() == Link.objects.count() == 3000
        assert Membership.objects.filter(ended_at__isnull=True).count() == 6000
        entries = Entry.objects
        assert entries.filter(event="member.create").count() == 3000
        assert entries.filter(event="group.member_add").count() == 6000
        assert not Step.objects.exclude(state="applied").exists()


def test_a_broker_that_is_down_or_flushed_loses_no_run(acme, environment, worker):
    file_of(acme, 3)
    with tenancy.of(acme):
        Pull.objects.update(due_at=timezone.now())
    code = "import django; django.setup()\nfrom tasks.jobs import directories\nassert directories.due() == 1"
    without = {**environment, "REDIS_URL": "redis://127.0.0.1:1/0"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=without, check=True, timeout=PATIENCE)
    with tenancy.of(acme):
        assert Run.objects.get().state == "waiting"
    broker = redis.Redis.from_url(settings.REDIS_URL)
    jobs.due()
    broker.flushdb()  # the wake-up is gone; the next tick sends another
    worker()
    jobs.due()
    until(lambda: _state(acme) == "held")
    broker.flushdb()
    broker.close()


def _state(organization):
    with tenancy.of(organization):
        return Run.objects.get().state


@pytest.fixture
def worker(environment):
    """Give what starts a real Celery worker; it is killed at the end."""
    started = []

    def start():
        command = [
            sys.executable,
            "-m",
            "celery",
            "--app=tasks.celery",
            "worker",
            "--concurrency=1",
            "--loglevel=WARNING",
        ]
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True))

    yield start
    for process_ in started:
        os.killpg(process_.pid, signal.SIGKILL)
        process_.wait(PATIENCE)
