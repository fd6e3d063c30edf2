"""Operations of a Bulk request share transactions: whole operations only, whatever happens in between."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from django.db import connection, connections

from scim import bulk, users
from tests.identity.test_lock_order import WAITING
from tests.scim.talk import Scim, entries
from tests.scim.test_bulk import post, send
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def idp(okta) -> Scim:
    return Scim(okta)


@pytest.fixture
def commits(monkeypatch):
    """Count the transactions that come through and record something, by the hook that counts each entry of theirs (audit.record)."""
    seen: list[int] = []
    real = type(connection._connections[connection._alias])._commit

    def counted(self):
        counting = [hook for hook in self.run_on_commit if isinstance(hook[1], partial)]
        seen.extend([len(counting)] if counting else [])
        real(self)

    monkeypatch.setattr(type(connection._connections[connection._alias]), "_commit", counted)
    return seen


def names(idp: Scim) -> set[str]:
    return {each["userName"] for each in idp.get("/Users?count=200").body["Resources"]}


def test_fifty_operations_are_one_transaction(idp, commits, monkeypatch):
    monkeypatch.setattr(bulk, "TOGETHER_SECONDS", PATIENCE)
    results = send(idp, *(post(f"p{number}") for number in range(bulk.AT_ONCE_MAX * 2)))
    assert {each["status"] for each in results} == {"201"}
    assert commits == [bulk.AT_ONCE_MAX] * 2
    assert len(names(idp)) == bulk.AT_ONCE_MAX * 2


def test_a_transaction_begins_nothing_more_when_its_time_is_over(idp, commits, monkeypatch):
    monkeypatch.setattr(bulk, "TOGETHER_SECONDS", 0.0)
    send(idp, *(post(f"p{number}") for number in range(3)))
    assert commits == [1, 1, 1]
    assert len(names(idp)) == 3


def test_refusals_in_between_take_nothing_along(acme, idp):
    idp.create("taken@example.org")
    taken = [post(f"t{number}", userName="taken@example.org") for number in range(3)]
    results = send(idp, post("a"), taken[0], post("b"), taken[1], post("c"), taken[2])
    assert [each["status"] for each in results] == ["201", "409"] * 3
    assert names(idp) == {"taken@example.org", "a@example.org", "b@example.org", "c@example.org"}
    assert [entry.reason for entry in entries(acme) if entry.event == "scim.refuse"] == [
        "user_name_taken"
    ] * 3


def test_a_crash_leaves_whole_transactions_of_whole_operations(idp, monkeypatch):
    monkeypatch.setattr(bulk, "AT_ONCE_MAX", 2)
    real = users.create

    def crashing(call):
        if call.body["userName"] == "p5@example.org":
            raise ZeroDivisionError
        return real(call)

    monkeypatch.setitem(bulk._CREATE, "Users", crashing)
    with pytest.raises(ZeroDivisionError):
        send(idp, *(post(f"p{number}") for number in range(8)))
    assert names(idp) == {f"p{number}@example.org" for number in range(4)}


def test_a_transaction_that_was_ended_for_another_goes_on_one_by_one(idp, eraser, commits):
    first, second = (idp.create(f"p{number}@example.org")["id"] for number in range(2))
    change = {"Operations": [{"op": "replace", "value": {"title": "Lead"}}]}
    operations = [{"method": "PATCH", "path": f"/Users/{each}", "data": change} for each in (first, second)]
    commits.clear()

    def sent():
        try:
            return send(idp, post("new"), *operations)
        finally:
            connections.close_all()

    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(eraser.info.dsn, password=eraser.info.password) as other,
    ):
        # The request has PostgreSQL look for circles first, and is the one that is ended.
        other.execute("SET deadlock_timeout = '30s'")
        other.execute("SELECT FROM identity_member WHERE id = %s FOR UPDATE", [second])
        sending = pool.submit(sent)
        while not sending.done() and not eraser.execute(WAITING).fetchone()[0]:
            pass
        other.execute("SELECT FROM identity_member WHERE id = %s FOR UPDATE", [first])
        other.commit()
        results = sending.result(PATIENCE)
    assert [each["status"] for each in results] == ["201", "200", "200"]
    assert [idp.get(f"/Users/{each}").body["title"] for each in (first, second)] == ["Lead", "Lead"]
    assert names(idp) == {"p0@example.org", "p1@example.org", "new@example.org"}
    assert commits == [1, 1, 1]
