"""Operations of a Bulk request share transactions: whole operations only, whatever happens in between."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection, connections

from identity import batches, directories, matching, members, tenancy
from identity.models import Member
from scim import bulk, burst_guard
from scim.models import Burst, Departure, LoggedRequest
from tests.conftest import SETUP
from tests.identity.test_lock_order import close_the_circle
from tests.scim.talk import BASE, Scim, entries
from tests.scim.test_bulk import post, send
from tests.statements import Statements
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture(autouse=True)
def together(monkeypatch):
    """Have a lot be over by its number, and not where the machine took a quarter of a second for its first half."""
    monkeypatch.setattr(bulk, "TOGETHER_SECONDS", PATIENCE)


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


def group(name: str) -> dict[str, Any]:
    return post(name, "/Groups", displayName=name)


def test_fifty_operations_are_one_transaction(idp, commits):
    results = send(idp, *(group(f"g{number}") for number in range(bulk.AT_ONCE_MAX * 2)))
    assert {each["status"] for each in results} == {"201"}
    assert commits == [bulk.AT_ONCE_MAX] * 2
    assert idp.get("/Groups?count=0").body["totalResults"] == bulk.AT_ONCE_MAX * 2


def test_fifty_newcomers_are_one_transaction_and_written_at_once(idp, commits):
    results = send(idp, *(post(f"p{number}") for number in range(bulk.AT_ONCE_MAX * 2)))
    assert {each["status"] for each in results} == {"201"}
    assert commits == [1, 1]
    assert len(names(idp)) == bulk.AT_ONCE_MAX * 2


def test_the_number_of_statements_is_that_of_lots_and_not_of_newcomers(idp):
    counts = []
    for name, number in [("warm", 3), ("warmer", 3), ("few", 2), ("many", bulk.AT_ONCE_MAX)]:
        with Statements() as seen:
            send(idp, *(post(f"{name}{each}") for each in range(number)))
        counts.append(len(seen.statements))
    assert counts[2] == counts[3]


def test_each_newcomer_is_answered_with_what_is_stored(idp):
    asked = [
        post("a", userName="a", externalId="1", title="Lead"),
        post("b", userName="b", active=False),
        post("c", userName="c"),
    ]
    for result in send(idp, *asked):
        stored = idp.get(result["location"].removeprefix(BASE))
        assert stored.headers["ETag"] == result["version"]
        assert stored.body["userName"] == result["bulkId"]
        assert stored.body["active"] is (result["bulkId"] != "b")


def test_a_name_that_is_taken_while_a_lot_is_written_is_refused_alone(acme, idp, monkeypatch):
    real = matching.met

    def taken_after(*asked):
        seen = real(*asked)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(provisioned, acme, "p1@example.org").result(PATIENCE)
        return seen

    monkeypatch.setattr(matching, "met", taken_after)
    results = send(
        idp, *(post(f"p{number}", userName=f"p{number}@example.org", shoeSize=4) for number in range(4))
    )
    assert [each["status"] for each in results] == ["201", "409", "201", "201"]
    assert [each.reason for each in entries(acme, event="scim.refuse")] == ["user_name_taken"]
    # What was bent is told once of each, whether or not they were tried together.
    with tenancy.of(acme):
        assert len(LoggedRequest.objects.get(path="/Bulk").warnings) == 8


def provisioned(organization, name):
    try:
        members.provision(organization, user_name=name, actor=SETUP)
    finally:
        connections.close_all()


def test_whoever_waits_for_a_newcomer_goes_before_the_next_one(acme, idp):
    """As it was when each went by itself: the order of the record is that of the operations."""
    member = [{"value": "bulkId:a"}]
    send(idp, post("g", "/Groups", displayName="G", members=member), post("a"), post("b"), post("c"))
    done = [each.event for each in entries(acme, actor_kind="directory")]
    assert done == ["member.create", "group.create", "group.member_add", "member.create", "member.create"]


def change(person: str, value: Any, **more: Any) -> dict[str, Any]:
    operations = [{"op": "replace", "value": value}]
    return {"method": "PATCH", "path": f"/Users/{person}", "data": {"Operations": operations}, **more}


def test_people_who_are_changed_are_held_by_one_question(idp):
    people = [idp.create(f"p{number}@example.org")["id"] for number in range(20)]
    counts = []
    for title, number in [("a", 2), ("b", 2), ("c", 2), ("d", 20)]:
        with Statements() as seen:
            results = send(idp, *(change(each, {"title": title}) for each in people[:number]))
        assert {each["status"] for each in results} == {"200"}
        counts.append(sum("FOR NO KEY UPDATE" in each for each in seen.statements))
    assert counts == [1] * 4
    assert {idp.get(f"/Users/{each}").body["title"] for each in people} == {"d"}


def test_people_who_are_deleted_are_written_at_once(okta, idp):
    directories.change(okta.directory, actor=SETUP, settings={"burst_guard": None})
    counts = []
    for name, number in [("warm", 3), ("few", 3), ("many", bulk.AT_ONCE_MAX)]:
        people = [idp.create(f"{name}{each}@example.org")["id"] for each in range(number)]
        idp.create_group(name, *people)
        with Statements() as seen:
            results = send(idp, *({"method": "DELETE", "path": f"/Users/{each}"} for each in people))
        assert {each["status"] for each in results} == {"204"}
        counts.append(len(seen.statements))
    assert counts[1] == counts[2]
    assert names(idp) == set()


def test_a_refused_change_takes_none_of_its_lot_along(acme, idp):
    people = [idp.create(f"p{number}@example.org", shoeSize=4)["id"] for number in range(5)]
    results = send(
        idp,
        change(people[0], {"title": "Lead", "shoeSize": 5}),
        change(people[1], {"userName": "p0@example.org"}),
        change(people[2], {"title": "Lead"}, version='W/"7"'),
        change(people[3], {"active": False}),
        change("nobody", {"title": "Lead"}),
        {"method": "DELETE", "path": f"/Users/{people[4]}"},
        change(people[4], {"title": "Lead"}),
    )
    assert [each["status"] for each in results] == ["200", "409", "412", "200", "404", "204", "404"]
    assert [each.reason for each in entries(acme, event="scim.refuse")] == [
        "user_name_taken", "version_changed", "not_found", "not_found",
    ]  # fmt: skip
    shown = [idp.get(f"/Users/{each}").body for each in people[:4]]
    assert [(each.get("title"), each["active"]) for each in shown] == [
        ("Lead", True), (None, True), (None, True), (None, False),
    ]  # fmt: skip
    with tenancy.of(acme):
        warnings = LoggedRequest.objects.get(path="/Bulk").warnings
    assert [each["code"] for each in warnings].count("unknown_attribute") == 1


def test_somebody_who_is_changed_twice_is_changed_in_order(idp):
    one, other = (idp.create(f"p{number}@example.org")["id"] for number in range(2))
    titles = [(one, "a"), (other, "b"), (one, "c"), (one, "d"), (other, "e")]
    results = send(idp, *(change(person, {"title": title}) for person, title in titles))
    assert [each["version"] for each in results] == ['W/"2"', 'W/"2"', 'W/"3"', 'W/"4"', 'W/"3"']
    assert [idp.get(f"/Users/{each}").body["title"] for each in (one, other)] == ["d", "e"]


def test_a_lot_of_changes_begins_nothing_more_when_its_time_is_over(idp, commits, monkeypatch):
    people = [idp.create(f"p{number}@example.org")["id"] for number in range(3)]
    monkeypatch.setattr(bulk, "TOGETHER_SECONDS", 0.0)
    commits.clear()
    results = send(idp, *(change(each, {"title": "Lead"}) for each in people))
    assert [(each["status"], each["version"]) for each in results] == [("200", 'W/"2"')] * 3
    assert commits == [1, 1, 1]


def test_a_flood_of_leavers_by_lots_is_held_from_the_budget_on(acme, okta, idp):
    directories.change(
        okta.directory, actor=SETUP, settings={"burst_guard": {"members": 3, "percent": 0, "seconds": 3600}}
    )
    people = [idp.create(f"p{number}@example.org")["id"] for number in range(8)]
    results = send(idp, *(change(each, {"active": False}) for each in people))
    assert {each["status"] for each in results} == {"200"}
    with tenancy.of(acme):
        assert Burst.objects.count() == 1
        assert Departure.objects.filter(burst__isnull=False).count() == len(people)


def test_deletions_by_lots_are_held_from_the_budget_on(acme, okta, idp, monkeypatch):
    monkeypatch.setattr(burst_guard, "TRIAL", timedelta(0))  # nobody is a try of the connection
    directories.change(
        okta.directory, actor=SETUP, settings={"burst_guard": {"members": 2, "percent": 0, "seconds": 3600}}
    )
    people = [idp.create(f"p{number}@example.org")["id"] for number in range(8)]
    gone = [{"method": "DELETE", "path": f"/Users/{each}"} for each in people]
    # The third departure is beyond the budget, and stands in the middle of a lot; then each is.
    for lot in ([gone[0], change(people[1], {"active": False}), *gone[2:5]], [gone[1], *gone[5:]]):
        assert {each["status"] for each in send(idp, *lot)} <= {"200", "204"}
    with tenancy.of(acme):
        states = dict(Member.objects.values_list("pk", "state"))
        held = set(Departure.objects.filter(kind=Departure.Kind.HELD).values_list("member", flat=True))
    assert [states[UUID(each)] for each in people] == ["offboarded"] + ["suspended"] * 7
    assert held == {UUID(each) for each in people[1:]}


def test_tries_of_the_connection_are_deleted_at_once_and_not_counted(acme, okta, idp):
    directories.change(
        okta.directory, actor=SETUP, settings={"burst_guard": {"members": 2, "percent": 0, "seconds": 3600}}
    )
    people = [idp.create(f"p{number}@example.org")["id"] for number in range(8)]
    # Whoever is the last one when their turn comes was a try: all of the first lot, and the third of the other one.
    for lot in (people[:3:-1], [people[0], people[1], people[3]]):
        with Statements() as seen:
            results = send(idp, *({"method": "DELETE", "path": f"/Users/{each}"} for each in lot))
        assert {each["status"] for each in results} == {"204"}
        assert sum("SET state = 'offboarded'" in each for each in seen.statements) == 1
    assert names(idp) == {"p2@example.org"}
    with tenancy.of(acme):
        assert {str(each) for each in Departure.objects.values_list("member", flat=True)} == set(people[:2])


def test_a_transaction_begins_nothing_more_when_its_time_is_over(idp, commits, monkeypatch):
    monkeypatch.setattr(bulk, "TOGETHER_SECONDS", 0.0)
    send(idp, *(group(f"g{number}") for number in range(3)))
    assert commits == [1, 1, 1]


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
    real = batches.create

    def crashing(organization, arrivals, **more):
        if arrivals[1].user_name == "p5@example.org":
            raise ZeroDivisionError
        return real(organization, arrivals, **more)

    monkeypatch.setattr(batches, "create", crashing)
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
        close_the_circle(other, "identity_member", first)
        other.commit()
        results = sending.result(PATIENCE)
    assert [each["status"] for each in results] == ["201", "200", "200"]
    assert [idp.get(f"/Users/{each}").body["title"] for each in (first, second)] == ["Lead", "Lead"]
    assert names(idp) == {"p0@example.org", "p1@example.org", "new@example.org"}
    assert commits == [1, 1, 1]
