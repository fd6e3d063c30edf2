"""Rows of the request log: those of a lot by one transaction, those of reads a moment after their answers, and none of them lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from django.db import OperationalError
from psycopg import Connection

from identity import secrets, tenancy
from scim import log_rows, logged
from scim.log_rows import Behind, Row
from scim.models import LoggedRequest
from tests.conftest import ROOT, scim_client
from tests.ports import free_port
from tests.scim.moment import Moment, patched
from tests.scim.talk import Scim
from tests.waiting import PATIENCE, eventually

READS = 300


@pytest.fixture
def behind(monkeypatch, db) -> Iterator[Behind]:
    """Have reads written behind their answers, as a web process does, but not before `begin`."""
    made = Behind()
    monkeypatch.setattr(log_rows, "_behind", made)
    monkeypatch.setattr(made, "_begin", lambda: None)
    yield made
    made.close()


def begin(behind: Behind) -> None:
    Behind._begin(behind)


def written(behind: Behind) -> None:
    """Have everything that waits written, and the thread end."""
    begin(behind)
    behind.close()


def paths(organization: Any) -> list[str]:
    with tenancy.of(organization):
        return list(LoggedRequest.objects.order_by("happened_at").values_list("path", flat=True))


def transactions(eraser: Connection, method: str) -> int:
    row = eraser.execute(
        "SELECT count(DISTINCT xmin::text) FROM scim_loggedrequest WHERE method = %s", [method]
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_nobody_waits_for_the_row_of_a_read_and_many_are_one_transaction(acme, okta, behind, eraser):
    scim = Scim(okta)
    assert [scim.get(path).status for path in ("/Users", "/Groups", "/Schemas", "/Users")] == [200] * 4
    assert paths(acme) == []
    written(behind)
    assert paths(acme) == ["/Users", "/Groups", "/Schemas", "/Users"]
    assert transactions(eraser, "GET") == 1


def test_a_search_by_post_is_a_read(acme, okta, behind):
    assert Scim(okta).post("/Users/.search", {}).status == 200
    assert paths(acme) == []
    written(behind)
    assert paths(acme) == ["/Users/.search"]


def test_a_change_and_a_refusal_are_written_before_they_are_answered(acme, okta, behind):
    scim = Scim(okta)
    scim.create("jane")
    assert scim.get("/Users/nobody").status == 404
    assert paths(acme) == ["/Users", "/Users/nobody"]


def test_reads_of_several_customers_are_each_written_in_their_own(acme, globex, okta, behind):
    foreign = scim_client(globex, "okta")
    for client in (okta, foreign, okta):
        Scim(client).get("/Users")
    written(behind)
    assert (paths(acme), paths(globex)) == (["/Users"] * 2, ["/Users"])


def test_one_row_that_is_refused_takes_no_other_along(acme, okta, behind):
    scim = Scim(okta)
    scim.get("/Users")
    row = behind._rows.get()
    # As if its directory had gone while it waited.
    own_id, organization, _, *rest = row.values
    for each in (Row(row.organization_id, (own_id, organization, uuid4(), *rest)), row):
        behind.take(each)
    scim.get("/Groups")
    written(behind)
    assert paths(acme) == ["/Users", "/Groups"]


def test_where_too_many_wait_a_read_waits_for_its_own_row(acme, okta, behind, monkeypatch):
    monkeypatch.setattr(log_rows, "WAITING_MAX", 2)
    scim = Scim(okta)
    for path in ("/Users", "/Groups", "/Schemas"):
        scim.get(path)
    assert paths(acme) == ["/Schemas"]
    written(behind)
    assert paths(acme) == ["/Users", "/Groups", "/Schemas"]


def test_rows_are_written_on_a_new_connection_where_the_old_one_is_gone(acme, okta, behind, eraser):
    scim = Scim(okta)
    scim.get("/Users")
    begin(behind)
    assert eventually(lambda: paths(acme))
    eraser.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%%INSERT INTO scim_loggedrequest%%'"
    )
    scim.get("/Groups")
    assert eventually(lambda: paths(acme) == ["/Users", "/Groups"])


def test_whoever_reads_the_log_finds_what_they_have_just_asked(acme, okta, behind, monkeypatch):
    # They wait for some times the writer's pace; here nothing is written before they do, and all of it then.
    monkeypatch.setattr(log_rows, "await_reads", lambda: written(behind))
    scim = Scim(okta)
    for number in range(20):
        scim.get(f"/Users?startIndex={number + 1}")
    with tenancy.of(acme):
        found, _ = logged.page(okta.directory, logged.Wanted(), 100)
    assert len(found) == 20


def test_a_lot_is_written_down_by_one_transaction_each_with_what_is_theirs(acme, okta, eraser):
    people = [Scim(okta).create(name)["id"] for name in ("ann", "ben", "cid")]
    with ThreadPoolExecutor(4) as pool:
        changes = [
            patched(f"/Users/{each}", {"op": "replace", "path": "title", "value": f"CEO {number}"})
            for number, each in enumerate(people)
        ]
        answers = Moment(okta.secret, pool).together(*changes)
    assert [each.status for each in answers] == [200] * 3
    assert transactions(eraser, "PATCH") == 1
    with tenancy.of(acme):
        rows = {
            row.request_id: (str(row.resource_id), row.status, logged.opened(row))
            for row in LoggedRequest.objects.filter(method="PATCH")
        }
    for number, each in enumerate(people):
        about, status, kept = rows[f"request-{number}"]
        assert (about, status) == (each, 200)
        assert kept.normalised == [
            {"operations": [{"kind": "set", "path": "title", "value": f"CEO {number}"}]}
        ]
        assert f"CEO {number}" in kept.answer


@pytest.mark.parametrize("error", [OperationalError("no space left on device"), secrets.UnsealError("gone")])
def test_what_cannot_be_written_down_is_done_and_answered(acme, okta, monkeypatch, error):
    def refuse(*_: Any) -> bytes:
        raise error

    monkeypatch.setattr(secrets, "seal", refuse)
    scim = Scim(okta)
    assert scim.post("/Users", {"userName": "jane"}).status == 201
    monkeypatch.undo()
    assert scim.get("/Users").body["totalResults"] == 1
    assert paths(acme) == ["/Users"]


def test_a_web_process_that_is_stopped_writes_what_waits(acme, okta, environment):
    """Its reads are answered up to the last moment, by many clients, and each stands in the log."""
    port = free_port()
    command = [
        sys.executable, "-m", "config.granian_loaded", "config.wsgi:application", "--interface=wsgi", "--host=127.0.0.1",
        f"--port={port}", "--workers=2", "--blocking-threads=8",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    client = httpx2.Client(headers={"Authorization": f"Bearer {okta.secret}"}, timeout=PATIENCE)

    def status(_: int = 0) -> int:
        try:
            return client.get(f"http://127.0.0.1:{port}/scim/v2/Users").status_code
        except httpx2.TransportError:
            return 0

    try:
        assert eventually(lambda: status() == 200)
        with ThreadPoolExecutor(8) as pool:
            answered = sum(each == 200 for each in pool.map(status, range(READS)))
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)
    finally:
        client.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert answered == READS
    assert len(paths(acme)) == READS + 1
