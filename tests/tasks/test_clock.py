"""The clock: every job has its turns, however often it is started anew and whatever becomes of the time of day."""

import json
from collections import Counter
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tasks import clock
from tasks.broker import client
from tasks.timetable import APART_SECONDS, QUEUE, TIMETABLE, beat_schedule


class Ticking(clock.Clock):
    """A clock whose machine is up for as long as the test says, and which keeps what it would send."""

    def __init__(self):
        self.sent = Counter()
        super().__init__(app=clock.app)

    def apply_entry(self, entry, producer=None):  # noqa: ARG002 - Celery's signature
        self.sent[entry.task] += 1

    @property
    def producer(self):
        """Give none: nothing is sent."""


@pytest.fixture
def pass_seconds(monkeypatch):
    """Give what lets a clock tick for so many seconds."""
    up = [1000.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: up[0])

    def pass_for(ticking, seconds):
        for _ in range(seconds):
            up[0] += 1
            while ticking.tick() == 0:
                pass

    return pass_for


def test_a_new_clock_has_every_job_done_within_a_minute(pass_seconds):
    ticking = Ticking()
    pass_seconds(ticking, 15)
    assert set(ticking.sent) == {entry.job for entry in TIMETABLE if entry.seconds < 15}, (
        "a clock that dies at once"
    )
    pass_seconds(ticking, 45)
    assert set(ticking.sent) == {entry.job for entry in TIMETABLE}
    assert {ticking.sent[entry.job] for entry in TIMETABLE if entry.seconds >= 60} == {1}


def test_afterwards_each_job_has_its_turns(pass_seconds):
    ticking = Ticking()
    pass_seconds(ticking, 60)
    before = Counter(ticking.sent)
    pass_seconds(ticking, 7200)
    turns = {entry.job: ticking.sent[entry.job] - before[entry.job] for entry in TIMETABLE}
    assert turns == {entry.job: 7200 / entry.seconds for entry in TIMETABLE}


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_time_of_day_that_is_set_skips_no_turn_and_doubles_none(pass_seconds, hours):
    ticking = Ticking()
    pass_seconds(ticking, 60)
    before = Counter(ticking.sent)
    with time_machine.travel(timezone.now() + timedelta(hours=hours)):
        pass_seconds(ticking, 900)
    turns = {
        entry.job: ticking.sent[entry.job] - before[entry.job] for entry in TIMETABLE if entry.seconds <= 900
    }
    assert turns == {entry.job: 900 / entry.seconds for entry in TIMETABLE if entry.seconds <= 900}
    assert all(ticking.sent[entry.job] == 1 for entry in TIMETABLE if entry.seconds > 900)


def test_a_worker_whose_clock_is_ahead_takes_no_job_for_expired():
    assert all(
        entry["options"]["expires"] >= entry["schedule"] + APART_SECONDS for entry in beat_schedule().values()
    )


def test_what_it_sends_lies_in_the_queue_of_the_workers_by_name(settings):
    broker = client(settings.REDIS_URL)
    broker.flushdb()
    ticking = clock.Clock(app=clock.app)
    for entry in ticking.schedule.values():
        ticking.apply_entry(entry, producer=ticking.producer)
    sent = [json.loads(message)["headers"] for message in broker.lrange(QUEUE, 0, -1)]
    broker.flushdb()
    assert sorted(headers["task"] for headers in sent) == sorted(entry.job for entry in TIMETABLE)
    assert all(headers["expires"] for headers in sent)
