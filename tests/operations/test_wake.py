"""Waking the sequencer: one wake-up for many commits, with the request's id, and next to nothing when the broker is down."""

import json
import threading
import time
from functools import partial

import pytest
from celery.local import PromiseProxy

from audit import context
from tasks import wake
from tasks.broker import client
from tasks.celery import REQUEST_HEADER
from tasks.timetable import QUEUE, TIMETABLE
from tests.conftest import join


@pytest.fixture
def broker(settings, monkeypatch):
    """Give the emptied broker of this test process."""
    _asked_by_now()
    connection = client(settings.REDIS_URL)
    connection.flushdb()
    for clock in ("_rest_until", "_quiet_until", "_asked_at", "_asks_at"):
        monkeypatch.setattr(wake, clock, 0.0)
    monkeypatch.setattr(
        wake, "KEY_MILLISECONDS", 60_000
    )  # as long as a test may take: then another one would be sent
    yield connection
    connection.flushdb()


def _asked_by_now():
    """Wait for the threads that ask later."""
    for each in threading.enumerate():
        if isinstance(each, threading.Timer):
            each.join()


def test_many_commits_send_one_wake_up(broker, acme):
    assert broker.llen(QUEUE) == 1
    join(acme, "bob@acme.example")
    join(acme, "eve@acme.example")
    assert broker.llen(QUEUE) == 1


def test_a_commit_after_the_sequencer_began_wakes_it_again(broker, acme, monkeypatch):
    broker.delete(QUEUE)
    wake.sequence()
    monkeypatch.setattr(wake, "_quiet_until", 0.0)
    monkeypatch.setattr(wake, "_asked_at", 0.0)
    join(acme, "bob@acme.example")
    assert broker.llen(QUEUE) == 1


def test_a_wake_up_that_was_sent_a_moment_ago_waits_for_more_and_nobody_asks_for_another(broker):
    wake.wake()
    assert json.loads(broker.lindex(QUEUE, 0))["headers"]["eta"] is not None
    assert wake._quiet_until - time.monotonic() <= wake.QUIET_SECONDS
    broker.delete(wake.KEY)
    wake._quiet_until = time.monotonic() + 60  # as long as a test may take
    wake.wake()
    assert broker.llen(QUEUE) == 1
    wake._quiet_until = wake._asked_at = 0.0
    wake.wake()
    assert broker.llen(QUEUE) == 2


def test_a_wake_up_of_another_process_keeps_this_one_quiet_as_long_as_it_waits(broker):
    broker.set(wake.KEY, "1", px=wake.KEY_MILLISECONDS)
    wake.wake()
    assert wake._quiet_until - time.monotonic() <= wake.QUIET_SECONDS
    broker.set(wake.KEY, "1", px=wake.KEY_MILLISECONDS - 250)
    wake._quiet_until = wake._asked_at = 0.0
    wake.wake()
    assert wake._quiet_until < time.monotonic()  # its run may begin any moment: the next commit asks again
    assert broker.llen(QUEUE) == 0


def test_commits_in_the_moment_of_the_run_share_one_question_which_comes_after_them(broker, monkeypatch):
    held = []
    monkeypatch.setattr(wake, "Timer", partial(_held, held))
    monkeypatch.setattr(wake, "PAUSE_SECONDS", 60.0)  # as long as a test may take
    broker.set(wake.KEY, "1", px=wake.KEY_MILLISECONDS - 250)  # its run may begin any moment
    wake._asked_at = time.monotonic()  # a moment ago
    for _ in range(100):
        wake.wake()
    broker.delete(wake.KEY)  # it has begun, and may have missed the last of them
    assert broker.llen(QUEUE) == 0
    (asks,) = held
    asks.function(*asks.args)
    assert broker.llen(QUEUE) == 1


def _held(held, *arguments):
    """Make a timer whose time is over when the test says so."""
    timer = threading.Timer(*arguments)
    timer.start = lambda: held.append(timer)
    return timer


def test_a_lost_wake_up_is_not_lost_for_long(broker):
    wake.wake()
    assert 0 < broker.pttl(wake.KEY) <= wake.KEY_MILLISECONDS


def test_the_request_id_goes_on_into_the_job(broker):
    with context.bind(request_id="edge-0123456789"):
        wake.wake()
    message = json.loads(broker.lindex(QUEUE, 0))
    assert message["headers"][REQUEST_HEADER] == "edge-0123456789"
    assert message["headers"]["task"] == "tasks.wake.sequence"


def test_a_dead_broker_is_left_alone_for_a_while(broker, settings, acme):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    wake._quiet_until = wake._asked_at = 0.0
    join(acme, "bob@acme.example")  # a dead broker refuses nothing
    assert wake._rest_until > 0
    before = wake._rest_until
    wake.wake()
    assert wake._rest_until == before  # not even tried
    assert wake.sequence() >= 1  # the tick finds what nobody was woken for


def test_the_timetable_names_jobs_that_exist():
    wake.app.loader.import_default_modules()
    assert {entry.job for entry in TIMETABLE} <= set(wake.app.tasks)


def test_a_job_is_made_with_its_module_and_not_by_whoever_asks_first():
    """Of two threads that asked at once the second was given it half made, and its request ended in a crash."""
    assert type(wake.sequence) is not PromiseProxy
