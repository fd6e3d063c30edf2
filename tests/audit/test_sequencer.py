"""The sequencer: a gapless place for every committed entry, whatever happens to sequencers and transactions."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from audit import ids, sequencer
from audit.events import Event
from audit.models import Entry, Position
from audit.record import Subject, record
from identity import tenancy
from tests.conftest import SETUP
from tests.waiting import PATIENCE, once


def write(organization, label):
    with tenancy.change(organization):
        return record(
            Event.MEMBER_CHANGE,
            organization_id=organization.pk,
            actor=SETUP,
            subject=Subject("member", label, label),
        )


def places(organization):
    with tenancy.of(organization):
        return list(Position.objects.order_by("seq").values_list("seq", "entry_id"))


def assert_complete(organization):
    numbered = places(organization)
    with tenancy.of(organization):
        everything = set(Entry.objects.values_list("id", flat=True))
    assert [seq for seq, _ in numbered] == list(range(1, len(numbered) + 1))
    assert {entry_id for _, entry_id in numbered} == everything


def test_an_entry_that_commits_late_gets_a_later_place_and_is_not_lost(acme):
    started, finish = threading.Event(), threading.Event()

    def slow():
        with tenancy.change(acme):
            entry = record(
                Event.MEMBER_CHANGE, organization_id=acme.pk, actor=SETUP, subject=Subject("member", "slow")
            )
            started.set()
            finish.wait(PATIENCE)
        connections.close_all()
        return entry

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(slow)
        started.wait(PATIENCE)
        quick = write(acme, "quick")
        sequencer.run()
        before = {entry: seq for seq, entry in places(acme)}
        assert quick in before
        finish.set()
        late_id = late.result()
    sequencer.run()
    after = {entry: seq for seq, entry in places(acme)}
    assert after[late_id] == max(before.values()) + 1
    assert_complete(acme)


@pytest.mark.parametrize("batch", [5000, 1])
def test_what_a_machine_with_a_slow_clock_did_later_has_a_later_place(acme, monkeypatch, batch):
    sequencer.run()
    first = write(acme, "in")
    # Another machine, whose clock is an hour behind: its ids are smaller.
    monkeypatch.setattr(ids, "_last_tick", 0)
    with time_machine.travel(timezone.now() - timedelta(hours=1), tick=True), tenancy.change(acme):
        second = [
            record(
                Event.MEMBER_CHANGE, organization_id=acme.pk, actor=SETUP, subject=Subject("member", label)
            )
            for label in ("out", "and again")
        ]
    assert second[1] < first
    sequencer.run(batch)
    assert [entry for _, entry in places(acme)][-3:] == [first, *second]
    assert_complete(acme)


def test_many_sequencers_beside_many_writers_neither_lose_nor_double(acme, globex):
    def writer(number):
        try:
            for turn in range(15):
                write(acme if (number + turn) % 3 else globex, f"{number}-{turn}")
        finally:
            connections.close_all()

    def numberer(_):
        try:
            for _turn in range(25):
                sequencer.run(batch=3)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(writer, number) for number in range(5)] + [
            pool.submit(numberer, number) for number in range(3)
        ]
        for job in jobs:
            job.result()
    sequencer.run()
    assert_complete(acme)
    assert_complete(globex)


def test_of_two_sequencers_the_second_goes_on_where_the_first_ended(acme, environment):
    sequencer.run()
    write(acme, "first")

    def second():
        try:
            return sequencer.run_for(acme.pk)
        finally:
            connections.close_all()

    with psycopg.connect(environment["DATABASE_URL"]) as first, ThreadPoolExecutor(1) as pool:
        first.execute("SELECT audit_sequence(%s, 100)", [acme.pk])
        write(acme, "second")
        numbered = pool.submit(second)
        waiting = (
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND %s = ANY (pg_blocking_pids(pid)))"
        )
        once(lambda: first.execute(waiting, [first.info.backend_pid]).fetchone() == (True,), numbered)
        first.commit()
        assert numbered.result() == 1
    assert_complete(acme)


def test_a_sequencer_killed_in_the_middle_leaves_its_batch_for_the_next(acme, environment):
    for number in range(5):
        write(acme, str(number))
    with (
        psycopg.connect(environment["DATABASE_URL"]) as doomed,
        psycopg.connect(environment["DATABASE_URL"], autocommit=True) as killer,
    ):
        doomed.execute("SELECT audit_sequence(%s, 100)", [acme.pk])
        with killer.transaction():
            killer.execute("SELECT pg_terminate_backend(%s)", [doomed.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            doomed.execute("SELECT 1")
    assert places(acme) == []
    sequencer.run()
    assert_complete(acme)


def test_the_lag_is_the_age_of_the_oldest_waiting_entry(acme):
    assert sequencer.lag_seconds() > 0
    sequencer.run()
    assert sequencer.lag_seconds() == 0
