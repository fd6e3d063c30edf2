"""A real worker writes a bundle; one that is killed in the middle leaves it to the next, and nothing half."""

import os
import signal
import subprocess
import sys
import tracemalloc

import redis
from django.conf import settings
from django.utils import timezone

from audit.events import Event
from audit.record import Line, Subject, record_all
from identity import bundle_archive, bundle_snapshot, bundles, tenancy
from identity.bundle_archive import Sink
from identity.bundle_check import check
from identity.models import Bundle
from tasks.jobs import bundles as jobs
from tests.bundles.conftest import fresh, on_disk, pieces
from tests.conftest import ROOT, SETUP
from tests.tasks.test_worker import worker
from tests.waiting import PATIENCE, eventually

PIECE_BYTES = 256 * 1024
# A process that writes one bundle, as a worker does, in so many pieces that it can be killed in the middle however late that is seen.
WRITER = """
import django
django.setup()
from identity import bundle_archive
from tasks.bundles import write
bundle_archive._PIECE_BYTES = 50_000
write('{}', '{}')
"""


def lengthen(acme, entries):
    """Give the record so many entries, of text that cannot be packed well."""
    for batch in range(0, entries, 1000):
        with tenancy.change(acme):
            record_all(
                Line(
                    Event.MEMBER_CHANGE, acme.pk, SETUP, Subject("member", f"{batch}-{number}"),
                    changes={"title": [os.urandom(200).hex(), ""]},
                )
                for number in range(1000)
            )  # fmt: skip


def test_a_worker_killed_in_the_middle_leaves_it_to_the_next(acme, environment, tmp_path):
    lengthen(acme, 20_000)
    bundle = bundles.ask(acme, actor=SETUP)
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER.format(acme.pk, bundle.pk)],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    assert eventually(lambda: pieces(bundle) > 1 and fresh(bundle).rows)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)
    left = fresh(bundle)
    assert (left.state, left.attempts) == ("writing", 1)
    assert 0 < left.rows < left.rows_expected, "it is in the middle"
    # As long as the dead one's lease runs, nobody touches it; then the clock finds it.
    assert jobs.waiting(10) == []
    with tenancy.of(acme):
        Bundle.objects.update(lease_until=timezone.now())
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    with worker(environment):
        assert jobs.due() == 1
        assert eventually(lambda: fresh(bundle).state == "ready")
    done = fresh(bundle)
    assert (done.attempts, done.rows) == (2, done.rows_expected)
    found = check(on_disk(done, tmp_path), sha256=done.sha256)
    assert found.problems == []
    redis.Redis.from_url(settings.REDIS_URL).flushdb()


def test_writing_takes_no_more_memory_for_five_times_as_many(acme, monkeypatch):
    monkeypatch.setattr(bundle_archive, "_PIECE_BYTES", PIECE_BYTES)
    peaks = []
    for entries in (1_000, 4_000):
        lengthen(acme, entries)
        with bundle_snapshot.take(acme.pk) as snapshot:
            tracemalloc.start()
            try:
                written = bundle_archive.write(
                    acme,
                    snapshot,
                    Sink(lambda _piece: None),
                    asked={},
                    at=timezone.now(),
                    tell=lambda *_: None,
                )
                peaks.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
    assert written.size > 5 * PIECE_BYTES
    assert peaks[1] < peaks[0] + PIECE_BYTES // 2, peaks
