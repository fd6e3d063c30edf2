"""The periodic jobs as operators see them: last run, next run, lag and outcome; on the page, over the API and in the metrics."""

import os
import signal
from datetime import timedelta

import pytest
import redis
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from config import metrics
from identity import deadlines, jobs
from identity.models import JobRun
from tasks.jobs import credentials, leavers, mail
from tasks.timetable import TIMETABLE
from tests.api.client import token_of
from tests.conftest import SETUP, join, later
from tests.console.conftest import visit
from tests.tasks.test_worker import worker
from tests.waiting import PATIENCE, eventually

NAME = "tasks.jobs.leavers.scheduled_ends"


@pytest.fixture(autouse=True)
def fresh():
    jobs.forget()
    yield
    jobs.forget()


def job(name=NAME):
    return next(each for each in jobs.overview() if each.name == name)


def test_every_job_of_the_timetable_is_listed_before_it_ever_ran(db):
    assert {each.name for each in jobs.overview()} == {entry.job for entry in TIMETABLE}
    assert {each.state for each in jobs.overview()} == {"waiting"}


def test_a_run_is_noted_with_what_it_found(acme, jane):
    deadlines.schedule_end(jane, timezone.now() + timedelta(seconds=1), actor=SETUP)
    with later(seconds=5):
        leavers.scheduled_ends()
        found = job()
        assert (found.state, found.run.result, found.run.failures, found.lag_seconds) == ("done", 1, 0, 0.0)
        assert found.next_at == timezone.now() + timedelta(seconds=60)


def test_one_row_a_job_however_often_it_runs(db):
    for _ in range(3):
        jobs.forget()
        leavers.scheduled_ends()
    assert JobRun.objects.filter(name=NAME).count() == 1


def test_a_failure_is_noted_counted_and_over_with_the_next_good_run(db, monkeypatch):
    good = timezone.now()
    leavers.scheduled_ends()

    def broken(*_):
        message = "with a secret in it"
        raise RuntimeError(message)

    monkeypatch.setattr(mail.mail, "due", broken)
    for _ in range(2):
        jobs.forget()
        with pytest.raises(RuntimeError):
            mail.outgoing()
    found = job("tasks.jobs.mail.outgoing")
    assert (found.state, found.run.problem, found.run.failures) == ("failed", "RuntimeError", 2)
    assert found.run.done_at is None
    monkeypatch.undo()
    mail.outgoing()
    found = job("tasks.jobs.mail.outgoing")
    assert (found.state, found.run.problem, found.run.failures) == ("done", "", 0)
    assert found.run.done_at > good


def test_a_job_that_stays_away_is_late(db):
    credentials.expired_tokens()
    name = "tasks.jobs.credentials.expired_tokens"
    with time_machine.travel(timezone.now() + timedelta(seconds=320)):
        assert job(name).state == "done", "a tick comes a little late on any busy machine"
    with time_machine.travel(timezone.now() + timedelta(seconds=400)):
        assert (job(name).state, 95 < job(name).lag_seconds < 105) == ("late", True)


def test_an_older_run_that_ends_later_changes_nothing(db):
    now = timezone.now()
    jobs.note(NAME, now, result=2)
    jobs.forget()
    jobs.note(NAME, now - timedelta(minutes=5), problem="RuntimeError")
    assert (job().run.outcome, job().run.result) == ("done", 2)


def test_runs_go_on_being_noted_where_the_clock_was_set_back(db):
    jobs.note(NAME, timezone.now(), result=2)
    with time_machine.travel(timezone.now() - timedelta(hours=1)):
        jobs.note(NAME, timezone.now(), problem="RuntimeError")
        assert (job().run.outcome, job().state) == ("failed", "failed")


def test_a_name_that_is_in_no_timetable_is_not_kept(db):
    jobs.note("tasks.jobs.somebody.elses", timezone.now())
    assert JobRun.objects.count() == 0


def test_a_job_after_every_commit_is_written_every_few_seconds(db, django_assert_num_queries):
    jobs.note(NAME, timezone.now(), result=1)
    with django_assert_num_queries(0):
        jobs.note(NAME, timezone.now(), result=2)
    jobs.note(NAME, timezone.now(), problem="RuntimeError")
    assert job().run.outcome == "failed", "bad news is written at once"


def test_operators_alone_see_them(acme, ada, opal):
    leavers.scheduled_ends()
    assert visit(ada).get("/jobs/").status_code == 404
    assert Client().get("/jobs/").status_code == 302
    page = visit(opal).get("/jobs/").content.decode()
    assert "Leavers: scheduled ends" in page
    assert "every 1 min" in page
    assert token_of(ada).get("/jobs").status_code == 403
    items = token_of(opal).get("/jobs").json()["items"]
    assert len(items) == len(TIMETABLE)
    found = next(each for each in items if each["name"] == NAME)
    assert (found["state"], found["last_run"]["outcome"], found["every_seconds"]) == ("done", "done", 60.0)


def test_the_metrics_tell_them(db):
    leavers.scheduled_ends()
    text = metrics.render().decode()
    assert f'rollcall_job_lag_seconds{{name="{NAME}"}} 0.0' in text
    assert f'rollcall_job_failures{{name="{NAME}"}} 0.0' in text
    assert f'rollcall_job_done_timestamp_seconds{{name="{NAME}"}}' in text


def test_a_worker_notes_its_runs_and_a_killed_one_shows_as_late(acme, environment):
    join(acme, "somebody")
    broker = redis.Redis.from_url(settings.REDIS_URL)
    broker.flushdb()
    with worker(environment) as process:
        leavers.scheduled_ends.apply_async()
        assert eventually(lambda: job().run is not None)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
    broker.flushdb()
    broker.close()
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert job().state == "late"
