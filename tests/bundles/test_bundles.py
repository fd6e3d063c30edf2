"""Asking for a bundle, having it, and being rid of it: once, in time, and with an entry for each."""

import threading

import pytest
from django.db import connections
from django.utils import timezone

from audit import chain, sequencer
from identity import bundle_snapshot, bundles, erasure, members, tenancy
from identity.errors import Conflict, NotFound, TooMany
from identity.models import Bundle, BundleChunk
from tasks import bundles as writer
from tasks.jobs import bundles as jobs
from tests.api.client import recorded
from tests.bundles.conftest import archive, contents, fresh, pieces, written
from tests.conftest import SETUP, join, later
from tests.waiting import PATIENCE


def test_a_bundle_is_asked_for_written_downloaded_and_each_is_in_the_record(acme, jane):
    bundle = written(acme)
    content = archive(bundle)
    assert (bundle.state, bundle.size, bundle.rows) == ("ready", len(content), bundle.rows_expected)
    found = recorded(acme, "bundle.ask", "bundle.finish", "bundle.download")
    assert [row["event"] for row in found] == ["bundle.ask", "bundle.finish", "bundle.download"]
    assert {row["data"]["bundle"] for row in found} == {str(bundle.pk)}
    assert found[1]["data"]["sha256"] == found[2]["data"]["sha256"] == bundle.sha256


def test_one_bundle_is_written_at_a_time(acme):
    bundles.ask(acme, actor=SETUP)
    with pytest.raises(Conflict, match="being written already"):
        bundles.ask(acme, actor=SETUP)


def test_two_who_ask_at_once_get_one_bundle_and_one_refusal(acme):
    together, outcomes = threading.Barrier(2), []

    def ask():
        together.wait(PATIENCE)
        try:
            outcomes.append(bundles.ask(acme, actor=SETUP).state)
        except Conflict as refusal:
            outcomes.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(outcomes) == ["version_conflict", "writing"]


def test_few_archives_are_kept(acme):
    kept = [written(acme) for _ in range(bundles.KEPT_MAX)]
    with pytest.raises(TooMany, match="discard one"):
        bundles.ask(acme, actor=SETUP)
    bundles.discard(kept[0], actor=SETUP)
    assert written(acme).state == "ready"


def test_a_discarded_bundle_is_gone_and_once_is_enough(acme):
    bundle = written(acme)
    for _ in range(2):
        assert bundles.discard(bundle, actor=SETUP).state == "discarded"
    assert pieces(bundle) == 0
    assert len(recorded(acme, "bundle.discard")) == 1
    with pytest.raises(NotFound, match="Ask for a new one"):
        archive(bundle)


def test_a_bundle_expires_by_the_clock_and_keeps_its_hash(acme):
    bundle = written(acme)
    assert jobs.expired() == 0
    with later(days=7, minutes=1):
        # Not even a clock that stands still keeps it to be had.
        with pytest.raises(NotFound):
            archive(bundle)
        assert [jobs.expired(), jobs.expired()] == [1, 0]
    assert (fresh(bundle).state, fresh(bundle).sha256, pieces(bundle)) == ("expired", bundle.sha256, 0)


def test_what_is_not_ready_cannot_be_downloaded(acme):
    bundle = bundles.ask(acme, actor=SETUP)
    with pytest.raises(NotFound):
        archive(bundle)


def test_a_discarded_one_is_not_written_to_its_end(acme):
    bundle = bundles.ask(acme, actor=SETUP)
    mine = writer.claim(acme.pk, bundle.pk)
    bundles.discard(bundle, actor=SETUP)
    with pytest.raises(writer.LostClaim):
        mine.take(b"x")
    with pytest.raises(writer.LostClaim):
        mine.tell("members.jsonl", 1)
    assert (fresh(bundle).state, pieces(bundle)) == ("discarded", 0)


def test_too_large_an_archive_fails_with_what_to_do(acme, lived, monkeypatch):
    monkeypatch.setattr(writer, "SIZE_MAX", -1)
    bundle = written(acme)
    assert bundle.state == "failed"
    assert "manage.py rollcall bundle" in bundle.problem
    assert (pieces(bundle), len(recorded(acme, "bundle.fail"))) == (0, 1)


def test_after_five_dead_workers_it_is_given_up(acme):
    bundle = bundles.ask(acme, actor=SETUP)
    for _ in range(writer.ATTEMPTS_MAX):
        assert writer.claim(acme.pk, bundle.pk) is not None
        assert writer.claim(acme.pk, bundle.pk) is None, "another worker has it"
        with tenancy.of(acme):
            Bundle.objects.update(lease_until=timezone.now())
    assert writer.claim(acme.pk, bundle.pk) is None
    assert fresh(bundle).state == "failed"
    assert writer.waiting(10) == []


def test_the_pieces_are_sealed_and_each_for_its_place(acme, lived, eraser):
    bundle = written(acme)
    with tenancy.of(acme):
        rows = list(BundleChunk.objects.order_by("number"))
    assert not bytes(rows[0].content).startswith(b"PK")
    eraser.execute("UPDATE identity_bundlechunk SET number = 7")
    assert archive(fresh(bundle)) == b"", "a piece that is missing is no archive"
    eraser.execute("UPDATE identity_bundlechunk SET number = 0, bundle_id = bundle_id")
    assert archive(fresh(bundle))[:2] == b"PK"


def test_what_happens_while_it_is_written_is_not_in_it_and_breaks_nothing(acme, jane):
    with bundle_snapshot.take(acme.pk) as snapshot:
        join(acme, "late@acme.example")
        sequencer.run()
        erased = members.offboard(jane, actor=SETUP) and jane
        erasure.erase(erased, actor=SETUP)
        seen = [entry["event"] for entry, _ in snapshot.record()]
        people = [line for file in bundles_files("members") for line in snapshot.lines(file)]
    assert "member.erase" not in seen
    assert len(people) == 1
    assert b"jane@acme.example" in people[0]


def bundles_files(name):
    from identity import bundle_contents

    return [file for file in bundle_contents.files() if file.name == name]


def test_an_entry_that_commits_late_is_counted_and_comes_with_the_next_bundle(acme, environment):
    """Its transaction is open while the bundle is written: it has no place yet, and no part of it is in the bundle."""
    opened, go_on = threading.Event(), threading.Event()

    def late():
        try:
            with tenancy.change(acme):
                members.provision(acme, user_name="late@acme.example", actor=SETUP)
                opened.set()
                go_on.wait()
        finally:
            connections.close_all()

    thread = threading.Thread(target=late)
    thread.start()
    assert opened.wait(PATIENCE)
    try:
        bundle = bundles.ask(acme, actor=SETUP)
        writer.write(str(acme.pk), str(bundle.pk))
        first = contents(archive(fresh(bundle)))
    finally:
        go_on.set()
        thread.join(PATIENCE)
    assert first["members.jsonl"] == []
    second = contents(archive(written(acme)))
    assert [row["user_name"] for row in second["members.jsonl"]] == ["late@acme.example"]
    known = first["manifest.json"]["record"]
    assert second["record.jsonl"][known["seq"] - 1]["hash"] == known["hash"], (
        "the longer chain goes on from the shorter"
    )


def test_the_chain_is_the_same_for_whoever_computes_it(acme, jane):
    bundle = written(acme)
    with tenancy.of(acme):
        place = chain.Place()
        while place.seq < bundle.record_seq:
            place = chain.follow(acme.pk, place, min(2, bundle.record_seq - place.seq))
    assert (place.seq, place.hash.hex()) == (bundle.record_seq, bundle.record_hash)


def test_erasing_somebody_breaks_no_chain(acme, jane):
    before = written(acme)
    members.offboard(jane, actor=SETUP)
    erasure.erase(jane, actor=SETUP)
    rows = contents(archive(written(acme)))["record.jsonl"]
    assert rows[before.record_seq - 1]["hash"] == before.record_hash
    assert any(row["detail"] is None for row in rows)
