"""Whom a directory suspends in the same moment: shut out by one statement, each as if they had been alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Detail
from identity import directories, roles, sessions, tenancy, tokens
from identity.models import Member, Session
from identity.postgresql.base import DatabaseWrapper
from scim import bursts, users
from scim.errors import Code, ScimError
from scim.models import Burst, Departure
from tests.conftest import SETUP
from tests.scim.moment import Change, patched
from tests.scim.talk import PATCH, Scim, entries

SMALL = {"members": 2, "percent": 20, "seconds": 3600}
OUT = {"op": "replace", "path": "active", "value": False}


def suspended(person: str) -> Change:
    return patched(f"/Users/{person}", OUT)


def member(acme: Any, person: str) -> Member:
    with tenancy.of(acme):
        return Member.objects.get(organization=acme, pk=person)


def told(acme: Any, event: str) -> list[tuple[str, str]]:
    return [(each.subject_id, each.request_id) for each in entries(acme, event=event)]


def data(acme: Any, event: str) -> list[Any]:
    with tenancy.of(acme):
        return [Detail.objects.get(pk=each.pk).body["data"] for each in entries(acme, event=event)]


def active(idp: Scim, people: list[str]) -> list[bool]:
    return [idp.get(f"/Users/{each}").body["active"] for each in people]


@pytest.mark.parametrize("size", [2, 6])
def test_a_lot_takes_three_round_trips_whatever_its_size(okta, moment, idp, size, monkeypatch):
    settings = {"request_log_days": 0, "burst_guard": None}
    directories.change(okta.directory, actor=SETUP, settings=settings)
    people = [idp.create(f"p{number}@acme.example")["id"] for number in range(size)]
    trips: list[Any] = []
    asked = DatabaseWrapper._asked
    monkeypatch.setattr(DatabaseWrapper, "_asked", lambda *given: trips.append(given) or asked(*given))
    moment.together(*map(suspended, people))
    assert len(trips) == 3, "the token with the rows, all who go, and their entries with the COMMIT"


def test_each_is_out_with_what_they_came_in_by_and_told_of_by_their_own_request(acme, moment, idp, people):
    for number, person in enumerate(people[:3]):
        for _ in range(number):
            sessions.start(member(acme, person), actor=SETUP)
    tokens.issue(
        member(acme, people[2]), scopes=[], expires_at=timezone.now() + timedelta(days=1), actor=SETUP
    )
    with_title = patched(f"/Users/{people[3]}", OUT, {"op": "replace", "path": "title", "value": "Gone"})
    answers = moment.together(*map(suspended, people[:3]), with_title)
    assert [each.status for each in answers] == [200] * 4
    assert moment.lots == [4]
    assert active(idp, people) == [False] * 4
    assert [idp.get(f"/Users/{person}").body for person in people] == [answer.body for answer in answers]
    assert told(acme, "member.suspend") == [
        (person, f"request-{number}") for number, person in enumerate(people)
    ]
    counted = [(each["sessions"], each["tokens"]) for each in data(acme, "member.suspend")]
    assert counted == [(0, 0), (1, 0), (2, 1), (0, 0)]
    assert [request for _, request in told(acme, "session.end")] == ["request-1", "request-2", "request-2"]
    assert [request for _, request in told(acme, "token.revoke")] == ["request-2"]
    with tenancy.of(acme):
        assert not Session.objects.filter(member__in=people, ended_at__isnull=True).exists()


def test_the_last_administrator_of_a_lot_is_the_one_of_whom_operators_hear(acme, moment, people):
    for person in people[:3]:
        roles.replace(member(acme, person), ["organization_admin"], actor=SETUP)
    moment.together(*map(suspended, people))
    event = "organization.without_administrator"
    assert data(acme, event) == [{"member": people[2]}]
    assert told(acme, event) == [(str(acme.pk), "request-2")]


def test_the_burst_guard_counts_all_of_a_lot(acme, okta, moment, idp, people):
    directories.change(okta.directory, actor=SETUP, settings={"burst_guard": SMALL})
    moment.together(*map(suspended, people))
    with tenancy.of(acme):
        burst = Burst.objects.get(organization=acme)
        assert Departure.objects.filter(burst=burst, kind=Departure.Kind.SUSPEND).count() == len(people)
    bursts.decide(burst, Burst.Decision.ROLL_BACK, actor=SETUP)
    assert active(idp, people) == [True] * 4


def test_who_is_refused_after_all_takes_nobody_along(acme, moment, idp, people, monkeypatch):
    real = users.one

    def refuse(call: Any, row: Any, *more: Any) -> Any:
        if str(row.id) == people[1]:
            raise ScimError(Code.NOT_FOUND, what="person")
        return real(call, row, *more)

    monkeypatch.setattr(users, "one", refuse)
    answers = moment.together(*map(suspended, people))
    monkeypatch.undo()
    assert [each.status for each in answers] == [200, 404, 200, 200]
    assert active(idp, people) == [False, True, False, False]
    assert [person for person, _ in told(acme, "member.suspend")] == [people[0], *people[2:]]


def test_a_bulk_request_suspends_its_lot_by_one_statement(acme, okta, idp, people, monkeypatch):
    directories.change(okta.directory, actor=SETUP, settings={"request_log_days": 0})
    trips: list[Any] = []
    asked = DatabaseWrapper._asked
    monkeypatch.setattr(DatabaseWrapper, "_asked", lambda *given: trips.append(given) or asked(*given))

    def send(wanted: list[str]) -> tuple[list[str], int]:
        data = {"schemas": [PATCH], "Operations": [OUT]}
        operations = [{"method": "PATCH", "path": f"/Users/{each}", "data": data} for each in wanted]
        before = len(trips)
        answer = idp.send("POST", "/Bulk", {"Operations": operations})
        return [each["status"] for each in answer.body["Operations"]], len(trips) - before

    assert send(people[:2])[0] == ["200"] * 2
    more = [idp.create(f"more{number}@acme.example")["id"] for number in range(8)]
    few, many = send(people[2:]), send(more)
    assert (few[0], many[0]) == (["200"] * 2, ["200"] * 8)
    assert few[1] == many[1]
    assert sorted(each for each, _ in told(acme, "member.suspend")) == sorted([*people, *more])
