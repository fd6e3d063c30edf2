"""A deletion forgets no table and no row, touches nobody else, and leaves a proof in which nobody is named."""

import json
import os
import signal
import subprocess
import sys
import threading

import psycopg
import pytest
from django.core.management import CommandError
from django.db import IntegrityError, connection

from audit import sequencer
from audit.events import Event
from audit.json_text import canonical
from audit.record import Line, Subject, record, record_all
from identity import deletion_work, deletions, organizations, resources, tenancy
from identity.bundle_check import check
from tasks.jobs import deletions as job
from tasks.jobs import scim
from tests.api.client import recorded
from tests.bundles.conftest import on_disk, written
from tests.bundles.test_check import rollcall
from tests.conftest import ROOT, SETUP, join
from tests.deletions.conftest import (
    SIZES,
    STAYS,
    carried_out,
    counted,
    fall_due,
    fill,
    fresh,
    place_of,
    scheduled,
    tenant_tables,
)
from tests.waiting import PATIENCE, eventually

# Turn after turn, as the clock has it, in batches so small that it can be killed between the first and the last however late that is seen.
DELETER = """
import django
django.setup()
from identity import deletion_work
from tasks.jobs.deletions import carry_out
deletion_work.BATCH = 200
while carry_out():
    pass
"""


def test_every_table_is_emptied_and_other_organizations_are_as_they_were(
    acme, globex, gus, operators, lived, eraser
):
    scim.count_stretches()
    fill(eraser, acme)
    fill(eraser, globex)
    before = counted(eraser, acme)
    # What was counted is no step any more.
    empty = {*STAYS, "audit_unsequenced", "identity_stretchstep"}
    assert [table for table, number in before.items() if not number and table not in empty] == []
    theirs, their_place = counted(eraser, globex), place_of(globex)
    done = carried_out(fall_due(eraser, scheduled(acme)))
    left = {table: number for table, number in counted(eraser, acme).items() if number}
    assert left == dict.fromkeys(STAYS, 1)
    assert eraser.execute("SELECT slug FROM identity_organization ORDER BY slug").fetchall() == [
        ("globex",),
        ("operators",),
    ]
    assert (counted(eraser, globex), place_of(globex)) == (theirs, their_place)
    # That one record has ended opens no other.
    with pytest.raises(psycopg.IntegrityError, match="append-only"):
        eraser.execute("DELETE FROM audit_detail")
    # Each row was counted: what was there before, and the entries of the deletion itself.
    plain = [table for table in before if not table.startswith("audit_") and table not in STAYS]
    unseen = {*SIZES, "identity_outgoingmail"}
    assert {table: done.rows.get(table) for table in plain if table not in unseen} == {
        table: before[table] for table in plain if table not in unseen
    }
    assert done.rows["identity_organization"] == 1
    assert done.rows["audit_entry"] == done.record_seq


def test_the_order_of_the_tables_lets_nothing_refer_to_what_is_gone(db, eraser):
    order = [table.name for table in deletion_work.tables()]
    kept = {*SIZES, *STAYS} | {name for name in tenant_tables(eraser) if name.startswith("audit_")}
    assert set(order) == set(tenant_tables(eraser)) - kept
    assert order.index("identity_grant") < order.index("identity_member") < len(order)
    assert {table.name for table in deletion_work.tables() if table.within} >= {
        "identity_kind",
        "identity_resource",
    }


def test_a_proof_is_left_that_holds_together_and_names_nobody_of_the_customers(
    acme, ada, jane, operators, lived, eraser, tmp_path
):
    bundle = written(acme)
    path = on_disk(bundle, tmp_path)
    deletion = scheduled(acme, reason="Jane said so")
    done = carried_out(fall_due(eraser, deletion))
    proof = done.proof
    assert (proof["format"], proof["organization"]["slug"]) == ("rollcall-proof-of-deletion", "acme")
    assert proof["asked_by"]["label"] == "opal@rollcall.example"
    assert proof["bundle"]["sha256"] == bundle.sha256
    assert (proof["rows"]["identity_member"], proof["rows"]["identity_organization"]) == (4, 1)
    assert done.proof_sha256 == deletion_work.digest(json.loads(canonical(proof)))
    # The archive that the customer holds is the one that the proof names, and its record runs into the one that was deleted.
    found = check(path, sha256=proof["bundle"]["sha256"])
    assert found.problems == []
    assert found.manifest["record"]["hash"] == proof["bundle"]["record"]["hash"]
    kept = tmp_path / "proof.json"
    kept.write_text(json.dumps(proof))
    assert rollcall("verify", path, "--proof", kept)[0] == 0
    path.write_bytes(path.read_bytes() + b"x")
    code, said = rollcall("verify", path, "--proof", kept)
    assert (code, "not the one that is meant" in said) == (1, True)
    kept.write_text('{"bundle": null}')
    with pytest.raises(CommandError, match="names a bundle"):
        rollcall("verify", path, "--proof", kept)
    assert proof["record"]["seq"] > proof["bundle"]["record"]["seq"]
    entries = recorded(operators, "organization.delete")
    assert [(row["data"]["proof_sha256"], row["data"]["record"]) for row in entries] == [
        (done.proof_sha256, proof["record"])
    ]
    text = everything(eraser)
    for somebody in ("jane", "ada@acme", "pushed@", "gone@", "said so"):
        assert somebody not in text, somebody


def everything(eraser) -> str:
    names = [row[0] for row in eraser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return "\n".join(
        row[0]
        for name in names
        for row in eraser.execute(f'SELECT t::text FROM "{name}" t')  # noqa: S608
    ).lower()


def test_the_end_of_the_record_is_what_anybody_would_have_computed(acme, jane, due, monkeypatch):
    """Followed in batches, and stopped before anything of it is forgotten."""
    monkeypatch.setattr(deletion_work, "BATCH", 7)
    monkeypatch.setattr(deletion_work, "_forget", lambda _deletion: False)
    monkeypatch.setattr(deletion_work, "_finish", lambda *_: False)
    assert eventually(lambda: job.carry_out() and fresh(due).record_seq)
    assert eventually(lambda: job.carry_out() and fresh(due).record_hash == place_of(acme).hash.hex())
    assert fresh(due).record_seq == place_of(acme).seq
    monkeypatch.undo()
    carried_out(due)


def test_trees_go_leaves_first_whatever_the_batch(acme, operators, eraser, monkeypatch):
    resources.register(acme, [{"kind": "portfolio", "id": "p"}], actor=SETUP)
    resources.register(
        acme, [{"kind": "asset", "id": f"a{n}", "parent": "p"} for n in range(5)], actor=SETUP
    )  # fmt: skip
    monkeypatch.setattr(deletion_work, "BATCH", 2)
    done = carried_out(fall_due(eraser, scheduled(acme)))
    assert (done.rows["identity_resource"], done.rows["identity_kind"]) == (6, 2)


def test_a_killed_worker_loses_a_batch_and_no_count(acme, globex, gus, operators, environment, eraser):
    for batch in range(15):
        with tenancy.change(acme):
            record_all(
                Line(Event.MEMBER_CHANGE, acme.pk, SETUP, Subject("member", f"{batch}-{number}"))
                for number in range(1000)
            )
    join(acme, "somebody@acme.example")
    theirs = counted(eraser, globex)
    deletion = fall_due(eraser, scheduled(acme))
    entries = counted(eraser, acme)["audit_entry"]
    killed = 0
    for until in ("record_seq", "rows"):
        process = subprocess.Popen(
            [sys.executable, "-c", DELETER], cwd=ROOT, env=environment, start_new_session=True
        )

        def far(until=until):
            now = fresh(deletion)
            return now.record_seq if until == "record_seq" else now.rows.get("audit_entry")

        assert eventually(far)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
        killed += fresh(deletion).state in {"deleting", "ending"}
    assert killed == 2, "it was killed in the middle, twice"
    done = carried_out(deletion)
    assert done.rows["audit_entry"] == done.record_seq > entries
    assert {table for table, number in counted(eraser, acme).items() if number} == STAYS
    assert counted(eraser, globex) == theirs


def test_what_is_written_meanwhile_is_waited_for_and_after_the_end_refused(acme, ada, due, eraser):
    """A transaction that writes into the record and is open when the organization goes: it is in the last hash, or it is refused."""
    ended(acme, due)
    [of_members] = [
        row["data"]["rows"]
        for row in recorded(acme, "organization.delete_rows")
        if row["data"]["table"] == "identity_member"
    ]
    assert of_members == fresh(due).rows["identity_member"] > 0
    with pytest.raises(IntegrityError, match="has ended"), tenancy.change(acme):
        record(Event.API_REFUSE, organization_id=acme.pk, actor=SETUP, subject=organizations.subject_of(acme))
    carried_out(due)


def ended(acme, due) -> None:
    """Carry the deletion out as far as to the record's end."""
    deletions.begin_if_due(due, actor=SETUP)
    for _ in range(1000):
        if fresh(due).state == "ending":
            return
        deletion_work.step(due.pk, acme.pk, deletion_work.tables(), actor=SETUP)
    raise AssertionError(fresh(due).state)


def test_a_deletion_under_way_in_a_dump_is_carried_out_where_it_is_restored(acme, ada, due, eraser):
    """There transactions are counted anew: the one that ended the record may come in years."""
    ended(acme, due)
    with eraser.transaction():
        eraser.execute("SET LOCAL session_replication_role = replica")
        eraser.execute(
            "UPDATE audit_ending SET transaction_id = '900000000000' WHERE organization_id = %s", [acme.pk]
        )
    carried_out(due)


def test_the_transaction_that_ends_a_record_does_not_take_itself_for_a_stranger(acme, ada, due, eraser):
    """Others may still write in it: only once it is through can be told."""
    with eraser.transaction():
        eraser.execute("SET LOCAL session_replication_role = replica")
        eraser.execute("INSERT INTO audit_ending (organization_id) VALUES (%s)", [acme.pk])
        eraser.execute("DELETE FROM audit_unsequenced")
        assert eraser.execute("SELECT audit_is_quiet(%s)", [acme.pk]).fetchone() == (False,)
        raise psycopg.Rollback


def test_a_late_writer_is_in_the_last_hash(acme, ada, due, monkeypatch):
    """Its entry is written before the end and committed after it."""
    order = deletion_work.tables()
    deletions.begin_if_due(due, actor=SETUP)
    opened, go_on = threading.Event(), threading.Event()

    def late():
        try:
            with tenancy.change(acme):
                record(
                    Event.RECORD_DOWNLOAD,
                    organization_id=acme.pk,
                    actor=SETUP,
                    subject=organizations.subject_of(acme),
                )
                with connection.cursor() as cursor:
                    # The last write travels with the statement after it, or else with the COMMIT.
                    cursor.execute("SELECT 1")
                opened.set()
                go_on.wait()
        finally:
            connection.close()

    thread = threading.Thread(target=late)
    thread.start()
    assert opened.wait(PATIENCE)
    try:
        while fresh(due).state == "deleting":
            deletion_work.step(due.pk, acme.pk, order, actor=SETUP)
        sequencer.run()
        monkeypatch.setattr(deletion_work, "PATIENCE_SECONDS", 0.2)
        for _ in range(3):
            assert not deletion_work.step(due.pk, acme.pk, order, actor=SETUP), "it waits for the writer"
        assert fresh(due).record_seq == 0
    finally:
        go_on.set()
        thread.join(PATIENCE)
    done = carried_out(due)
    assert done.rows["audit_entry"] == done.record_seq
