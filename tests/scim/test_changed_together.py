"""What a directory changes in the same moment is carried out by one transaction: each as if it had come alone."""

from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction

from identity import directories, member_row, tenancy, tokens
from identity.models import Member, Token
from identity.postgresql.base import DatabaseWrapper
from scim import moment as gathering
from scim.models import LoggedRequest
from scim.moment import Kind
from tests.conftest import SETUP
from tests.scim.moment import Change, change, key_of, patched
from tests.scim.talk import entries
from tests.waiting import PATIENCE


@pytest.fixture
def group(idp) -> str:
    return str(idp.create_group("Ops")["id"])


def titled(person: str, title: str, **headers: str) -> Change:
    return patched(f"/Users/{person}", {"op": "replace", "path": "title", "value": title}, **headers)


def with_member(group: str, *members: str, **headers: str) -> Change:
    value = [{"value": each} for each in members]
    return patched(f"/Groups/{group}", {"op": "add", "path": "members", "value": value}, **headers)


def without_member(group: str, member: str) -> Change:
    return patched(f"/Groups/{group}", {"op": "remove", "path": f'members[value eq "{member}"]'})


def transactions(eraser: Any, table: str, rows: list[str]) -> int:
    question = f"SELECT count(DISTINCT xmin::text) FROM {table} WHERE id::text = ANY (%s)"  # noqa: S608 - named by the tests
    return eraser.execute(question, [rows]).fetchone()[0]


def seats(eraser: Any, group: str) -> list[str]:
    return [
        str(row[0])
        for row in eraser.execute(
            "SELECT id FROM identity_membership WHERE group_id = %s", [group]
        ).fetchall()
    ]


def statuses(answers: list[Any]) -> list[int]:
    return [each.status for each in answers]


def recorded(acme: Any, event: str) -> list[tuple[str, str]]:
    """Return who was changed by which request."""
    return [(each.subject_id, each.request_id) for each in entries(acme, event=event)]


def test_a_lot_of_people_is_one_transaction_and_each_has_an_entry_of_their_own_request(
    acme, moment, idp, people, eraser
):
    put = change("PUT", f"/Users/{people[3]}", {"userName": "d@acme.example", "title": "3"})
    answers = moment.together(*(titled(people[number], str(number)) for number in range(3)), put)
    assert statuses(answers) == [200] * 4
    assert moment.lots == [4]
    assert transactions(eraser, "identity_member", people) == 1
    assert recorded(acme, "member.change") == [
        (person, f"request-{number}") for number, person in enumerate(people)
    ]
    for number, answer in enumerate(answers):
        stored = idp.get(f"/Users/{people[number]}")
        assert stored.body == answer.body
        assert stored.body["title"] == str(number)
        assert stored.headers["ETag"] == answer.headers["ETag"]


@pytest.mark.parametrize("size", [2, 6])
def test_a_lot_of_people_takes_two_round_trips_whatever_its_size(okta, moment, idp, size, monkeypatch):
    directories.change(okta.directory, actor=SETUP, settings={"request_log_days": 0})
    people = [idp.create(f"p{number}@acme.example")["id"] for number in range(size)]
    moment.together(*(titled(each, "first") for each in people))
    trips = []
    asked = DatabaseWrapper._asked
    monkeypatch.setattr(DatabaseWrapper, "_asked", lambda *given: trips.append(given) or asked(*given))
    moment.together(*(titled(each, "second") for each in people))
    assert len(trips) == 2, "the token with the rows, and what was written with the COMMIT"


def test_a_lot_of_one_group_is_one_transaction_and_each_is_answered_with_the_group_as_they_left_it(
    acme, moment, idp, people, group, eraser
):
    wanted = [with_member(group, each) for each in people]
    answers = moment.together(*wanted, without_member(group, people[0]), group=group)
    assert statuses(answers) == [200] * 5
    assert moment.lots == [5]
    assert transactions(eraser, "identity_membership", seats(eraser, group)) == 1
    grown = [sorted(people[: number + 1]) for number in range(4)]
    shown = [sorted(each["value"] for each in answer.body["members"]) for answer in answers]
    assert shown == [*grown, sorted(people[1:])]
    assert [answer.headers["ETag"] for answer in answers] == [f'W/"{number}"' for number in range(2, 7)]
    assert recorded(acme, "group.change") == [(group, f"request-{number}") for number in range(5)]
    assert idp.get(f"/Groups/{group}").body == answers[-1].body


def test_what_is_refused_before_anything_was_done_for_it_is_refused_alone(acme, moment, idp, people):
    answers = moment.together(
        titled(people[0], "0"),
        titled(people[1], "1", **{"If-Match": 'W/"99"'}),
        patched(f"/Users/{people[2]}", {"op": "replace", "path": "nothing", "value": 1}),
        titled(people[3], "3"),
    )
    assert statuses(answers) == [200, 412, 400, 200]
    assert [answers[1].code, answers[2].code] == ["version_changed", "nothing_resolved"]
    assert moment.lots == [4]
    refused = {(each.reason, each.request_id) for each in entries(acme, event="scim.refuse")}
    assert refused == {("version_changed", "request-1"), ("nothing_resolved", "request-2")}
    assert [idp.get(f"/Users/{each}").body.get("title") for each in people] == ["0", None, None, "3"]


def test_of_a_lot_in_which_a_name_is_taken_each_goes_alone(acme, moment, idp, people):
    """PostgreSQL refuses when all is written: none of it is there, and only one of them hears of it."""
    taken = patched(f"/Users/{people[1]}", {"op": "replace", "path": "userName", "value": "a@acme.example"})
    answers = moment.together(titled(people[0], "0"), taken, titled(people[2], "2"))
    assert statuses(answers) == [200, 409, 200]
    assert moment.lots == [3]
    assert [who for who, _ in recorded(acme, "member.change")] == [people[0], people[2]]


def test_nobody_here_and_somebody_twice_go_alone(moment, idp, people):
    nobody = "00000000-0000-4000-8000-000000000000"
    answers = moment.together(
        titled(people[0], "first"), titled(nobody, "x"), titled(people[0], "second"), titled(people[1], "1")
    )
    assert statuses(answers) == [200, 404, 200, 200]
    assert [each.body.get("title") for each in answers] == ["first", None, "second", "1"]
    assert idp.get(f"/Users/{people[0]}").body["title"] == "second"


def test_a_group_that_was_half_changed_when_it_was_refused_is_read_anew(moment, idp, people, group):
    too_long = patched(
        f"/Groups/{group}",
        {"op": "replace", "value": {"displayName": "Half changed", "externalId": "x" * 2000}},
    )
    answers = moment.together(
        with_member(group, people[0]), too_long, with_member(group, people[1]), group=group
    )
    assert statuses(answers) == [200, 400, 200]
    shown = idp.get(f"/Groups/{group}").body
    assert shown == answers[2].body
    assert (shown["displayName"], len(shown["members"])) == ("Ops", 2)


def test_nobody_waits_behind_a_row_that_an_open_transaction_holds(acme, moment, people):
    """The first waits for it, and those behind the first as long as anybody waits for a lot to begin."""
    with tenancy.change(acme):
        member_row.lock(Member.objects.get(organization=acme, pk=people[0]))
        held = moment.begin(titled(people[0], "held"))
        others = [moment.begin(titled(each, "0")) for each in people[1:]]
        assert statuses([each.result(PATIENCE) for each in others]) == [200] * 3
        assert not held.done()
    assert held.result(PATIENCE).status == 200


def test_a_lot_in_which_a_row_is_held_by_somebody_else_waits_for_it_alone(acme, moment, people):
    with tenancy.change(acme):
        member_row.lock(Member.objects.get(organization=acme, pk=people[0]))
        gathers, key = gathering._together, key_of(moment.secret, Kind.PEOPLE)
        gathers._waiting[key] = []
        sending = [moment.begin(titled(each, "0")) for each in people]
        gathers._hand_over(key)
        assert statuses([each.result(PATIENCE) for each in sending[1:]]) == [200] * 3
        assert not sending[0].done()
    assert sending[0].result(PATIENCE).status == 200


def test_a_lot_counts_each_of_its_requests_once_against_the_limit(acme, moment, okta, people):
    directories.change(okta.directory, actor=SETUP, settings={"rate_limit": {"requests": 8, "seconds": 3600}})
    taken = patched(f"/Users/{people[1]}", {"op": "replace", "path": "userName", "value": "a@acme.example"})
    # Tried together, and then alone.
    assert statuses(moment.together(titled(people[0], "0"), taken, titled(people[2], "2"))) == [200, 409, 200]
    answers = moment.together(*(titled(each, "again") for each in [*people, *people[:2]]))
    assert sorted(statuses(answers)) == [200] * 5 + [429]


def test_who_was_too_many_in_a_lot_that_was_refused_is_so_alone(moment, okta, people):
    directories.change(okta.directory, actor=SETUP, settings={"rate_limit": {"requests": 2, "seconds": 3600}})
    taken = patched(f"/Users/{people[1]}", {"op": "replace", "path": "userName", "value": "a@acme.example"})
    answers = moment.together(titled(people[0], "0"), taken, titled(people[2], "2"))
    assert statuses(answers) == [200, 409, 429]


def test_each_of_a_lot_has_a_line_of_its_own_in_the_log(acme, moment, people):
    moment.together(*(titled(each, "0") for each in people))
    with tenancy.of(acme):
        rows = LoggedRequest.objects.filter(method="PATCH").values_list("resource_id", "request_id", "status")
        assert sorted((str(who), request, status) for who, request, status in rows) == sorted(
            (who, f"request-{number}", 200) for number, who in enumerate(people)
        )


def test_a_token_that_is_good_no_longer_is_refused_to_everybody(acme, moment, people):
    with tenancy.of(acme):
        tokens.revoke(Token.objects.get(organization=acme), actor=SETUP)
    answers = moment.together(*(titled(each, "0") for each in people))
    assert [(each.status, each.code) for each in answers] == [(401, "token_revoked")] * 4


def test_a_lot_whose_connection_is_lost_at_its_end_is_refused_as_one(
    acme, moment, people, eraser, monkeypatch
):
    """Nobody knows whether it was through: whoever was changed already and goes alone would be told another version."""
    commit = transaction.Atomic.__exit__

    def lose(self: Any, *error: Any) -> None:
        if connection.in_atomic_block and not connection.savepoint_ids and moment.lots:
            eraser.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
        commit(self, *error)

    monkeypatch.setattr(transaction.Atomic, "__exit__", lose)
    with pytest.raises((OperationalError, InterfaceError)):
        moment.together(*(titled(each, "0") for each in people))
    monkeypatch.undo()
    assert recorded(acme, "member.change") == []
    assert statuses(moment.together(*(titled(each, "0") for each in people))) == [200] * 4


def test_a_mistake_of_ours_in_one_is_nobody_elses(acme, moment, idp, people, monkeypatch):
    real = member_row.save

    def fail(locked: Member, *more: Any) -> None:
        if str(locked.pk) == people[1]:
            raise ZeroDivisionError
        real(locked, *more)

    monkeypatch.setattr(member_row, "save", fail)
    with pytest.raises(ZeroDivisionError):
        moment.together(*(titled(each, "0") for each in people))
    monkeypatch.undo()
    assert [idp.get(f"/Users/{each}").body.get("title") for each in people] == ["0", None, "0", "0"]
