"""Whoever asks for something is not kept waiting for the clock's next tick; and where no wake-up arrives, the tick does it."""

import time

import pytest
import redis
from django.conf import settings as configured
from django.utils import timezone

from identity import pulls, sync_runs, tenancy
from identity.models import Member, Pull, Run
from tasks import wake
from tasks.jobs import directories as jobs
from tasks.models import StagedPage, StagedPerson
from tasks.sync import attend
from tests.conftest import SETUP
from tests.sync.conftest import ADA
from tests.sync.scripted import crowd, listing, person, run
from tests.tasks.test_worker import worker
from tests.waiting import eventually

MAPPING = {"external_id": "No", "user_name": "Login"}


@pytest.fixture
def broker(db):
    connection = redis.Redis.from_url(configured.REDIS_URL)
    connection.flushdb()
    wake._rest_until = 0
    yield connection
    connection.flushdb()
    connection.close()
    wake._rest_until = 0


@pytest.fixture
def csv(acme, db):
    pull = pulls.create(acme, kind="csv", name="HR", settings={"mapping": MAPPING}, actor=SETUP)
    with tenancy.of(acme):
        Pull.objects.update(due_at=None, file=None)
    pulls.put_file(pull, b"No,Login\n1,amy\n2,bob\n", "people.csv", actor=SETUP)
    with tenancy.of(acme):
        Pull.objects.update(due_at=None)
    return pull


def state(made):
    with tenancy.of(made.organization_id):
        return Run.objects.values_list("state", flat=True).get(pk=made.pk)


def everybody(organization):
    with tenancy.of(organization):
        return Member.objects.count()


def test_asking_approving_and_resuming_wake_a_worker_without_any_tick(broker, csv, acme, environment):
    with worker(environment):
        made = sync_runs.ask(csv.directory, actor=SETUP)
        assert eventually(lambda: state(made) == "held")
        with tenancy.of(acme):
            plan_hash = Run.objects.get(pk=made.pk).plan_hash
        sync_runs.approve(made, plan_hash, actor=ADA)
        assert eventually(lambda: state(made) == "done")
        assert everybody(acme) == 2
        pulls.pause(csv, actor=ADA)
        pulls.resume(csv, actor=ADA)
        with tenancy.of(acme):
            assert eventually(lambda: Run.objects.filter(state="done").count() == 2)
        pulls.put_file(csv, b"No,Login\n1,amy\n2,bob\n3,cyd\n", "people.csv", actor=ADA)
        assert eventually(lambda: everybody(acme) == 3)


def test_a_cancelled_run_leaves_nothing_staged(broker, hr, acme):
    listing(*crowd(4), *[person(f"p{place:02}", active=False) for place in range(4, 10)])
    held = run(hr)
    with tenancy.of(acme):
        assert (StagedPerson.objects.count(), StagedPage.objects.count()) == (6, 1)
    sync_runs.cancel(held, actor=ADA)
    attend.attend(str(acme.pk), str(hr.directory_id))
    with tenancy.of(acme):
        assert (StagedPerson.objects.count(), StagedPage.objects.count()) == (0, 0)


def test_what_was_read_for_a_run_that_is_over_is_forgotten_by_the_clock(hr, acme):
    listing(*crowd(4), *[person(f"p{place:02}", active=False) for place in range(4, 10)])
    sync_runs.cancel(run(hr), actor=ADA)
    waiting = run(hr)
    assert (jobs.forget_staged(), jobs.forget_staged()) == (7, 0)
    with tenancy.of(acme):
        for staged in (StagedPerson, StagedPage):
            assert set(staged.objects.values_list("run_id", flat=True)) == {waiting.pk}


@pytest.mark.parametrize("kind", ["dry", "superseded"])
def test_nothing_stays_staged_behind_a_run_that_is_over(hr, acme, kind):
    listing(*crowd(4), *[person(f"p{place:02}", active=False) for place in range(4, 10)])
    over = run(hr, dry_run=kind == "dry")
    if kind == "superseded":
        run(hr)
    with tenancy.of(acme):
        assert not StagedPerson.objects.filter(run_id=over.pk).exists()
        assert not StagedPage.objects.filter(run_id=over.pk).exists()


def test_a_wake_up_for_nothing_does_nothing(broker, hr, acme, globex):
    assert attend.attend(str(acme.pk), str(hr.directory_id)) is False
    assert attend.attend(str(globex.pk), str(hr.directory_id)) is False


def test_a_wake_up_wakes_the_run_that_waits_and_begins_the_one_that_is_due(broker, hr, acme, monkeypatch):
    sent = []
    monkeypatch.setattr(attend.work, "apply_async", lambda arguments, **_: sent.append(arguments))
    made = sync_runs.ask(hr.directory, actor=SETUP)
    assert (attend.attend(str(acme.pk), str(hr.directory_id)), sent) == (True, [(str(acme.pk), str(made.pk))])
    sync_runs.cancel(made, actor=SETUP)
    with tenancy.of(acme):
        Pull.objects.update(due_at=timezone.now())
    assert attend.attend(str(acme.pk), str(hr.directory_id))
    with tenancy.of(acme):
        assert sent[-1] == (str(acme.pk), str(Run.objects.get(state="waiting").pk))


def test_a_dead_broker_delays_nobody_and_the_tick_finds_the_run(broker, hr, settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    made = sync_runs.ask(hr.directory, actor=SETUP)
    assert wake._rest_until > time.monotonic(), "the broker is left alone for a while"
    sent = []
    monkeypatch.setattr(jobs.work, "apply_async", lambda arguments, **_: sent.append(arguments))
    assert jobs.due() == 1
    assert sent == [(str(hr.organization_id), str(made.pk))]


def test_nobody_is_woken_for_what_was_rolled_back(broker, hr, monkeypatch):
    from identity import sync_wake

    woken = []
    monkeypatch.setattr(sync_wake, "_wakers", [lambda *ids: woken.append(ids)])
    with pytest.raises(RuntimeError), tenancy.change(hr.organization_id):
        sync_runs.ask(hr.directory, actor=SETUP)
        raise RuntimeError
    assert woken == []
    sync_runs.ask(hr.directory, actor=SETUP)
    assert woken == [(hr.organization_id, hr.directory_id)]
