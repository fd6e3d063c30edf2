"""People whom an identity provider pushes in the same moment are written by one transaction: each as if they had come alone."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any
from unittest.mock import patch

import pytest
from django.db import InterfaceError, OperationalError, connection, connections

from audit.models import Entry
from identity import arrivals, arriving_together, directories, grants, members, resources, tenancy
from identity.models import Member
from scim import moment
from scim.moment import Kind
from tests.conftest import SETUP
from tests.scim.moment import key_of
from tests.scim.talk import Answer, Scim
from tests.waiting import PATIENCE, once

VIEW = {"kind": "portfolio", "id": "nordics", "permission": "view"}


class Crowd:
    """An identity provider that pushes people by several connections at once."""

    def __init__(self, okta: Any, pool: ThreadPoolExecutor) -> None:
        self.okta, self.pool = okta, pool

    def begin(self, name: str, **more: Any) -> "Future[Answer]":
        """Create somebody, by a request that is called like them."""
        return self.pool.submit(self._create, {"userName": f"{name}@acme.example", **more}, name)

    def together(self, *names: str, **more: Any) -> list[Answer]:
        """Create them in one lot: they are gathered as if somebody before them were at work."""
        gathers, key = moment._together, key_of(self.okta.secret, Kind.NEWCOMERS)
        gathers._waiting[key] = []
        with patch.object(gathers, "_patience_seconds", PATIENCE):
            creating = [self.begin(name, **more) for name in names]
            try:
                once(lambda: len(gathers._waiting[key]) == len(names), *creating)
            finally:
                gathers._hand_over(key)
            # Django's client takes an exception of any request that is under way for its own: none of these is when others begin.
            wait(creating, PATIENCE)
            return [each.result(0) for each in creating]

    def _create(self, body: dict[str, Any], name: str) -> Answer:
        try:
            return Scim(self.okta, **{"X-Request-ID": f"request-{name}"}).post("/Users", body)
        finally:
            connections.close_all()


@pytest.fixture
def crowd(acme, okta) -> Iterator[Crowd]:
    with ThreadPoolExecutor(12) as pool:
        yield Crowd(okta, pool)


def statuses(answers: list[Answer]) -> list[int]:
    return sorted(each.status for each in answers)


def created(acme: Any, event: str = "member.create") -> list[tuple[str, str]]:
    """Return who was created by which request, as the record has it."""
    with tenancy.of(acme):
        names = {str(member.pk): member.user_name for member in Member.objects.all()}
        rows = Entry.objects.filter(event=event).values_list("subject_id", "request_id")
        return sorted((names[who].partition("@")[0], request) for who, request in rows)


def transactions(eraser: Any) -> int:
    return eraser.execute("SELECT count(DISTINCT xmin::text) FROM identity_member").fetchone()[0]


def test_a_lot_is_one_transaction_and_each_has_an_entry_of_their_own_request(acme, crowd, eraser):
    answers = crowd.together("a", "b", "c", "d")
    assert statuses(answers) == [201] * 4
    assert transactions(eraser) == 1
    assert created(acme) == [(name, f"request-{name}") for name in "abcd"]


def test_each_is_answered_with_what_is_stored(crowd, okta):
    for answer in crowd.together("a", "b", "c", active=True, title="Engineer"):
        stored = Scim(okta).get(f"/Users/{answer.body['id']}")
        assert stored.body == answer.body
        assert stored.headers["ETag"] == answer.headers["ETag"]


def test_of_two_of_one_name_in_a_lot_one_is_created(acme, crowd):
    """Both looked while nobody had the name: an identity provider that sent its request twice."""
    answers = crowd.together("twice", "a", "twice")
    assert statuses(answers) == [201, 201, 409]
    refused = next(each for each in answers if each.status == 409)
    assert (refused.body["scimType"], refused.code) == ("uniqueness", "user_name_taken")
    assert [who for who, _ in created(acme)] == ["a", "twice"]


def test_one_external_id_for_a_lot_is_one_persons(acme, crowd):
    answers = crowd.together("a", "b", externalId="00u1")
    assert statuses(answers) == [201, 409]


def test_nobody_waits_behind_a_name_that_an_open_transaction_has_taken(acme, crowd):
    with tenancy.change(acme):
        members.provision(acme, user_name="held@acme.example", actor=SETUP)
        held = crowd.begin("held")
        others = [crowd.begin(f"p{number}") for number in range(6)]
        assert statuses([each.result(PATIENCE) for each in others]) == [201] * 6
        assert not held.done()
    assert held.result(PATIENCE).status == 409


def test_each_of_a_lot_gets_their_first_permissions_once(acme, crowd, okta):
    resources.register(acme, [{"kind": "portfolio", "id": "nordics"}], actor=SETUP)
    directories.change(okta.directory, defaults={"grants": [VIEW], "roles": []}, actor=SETUP)
    crowd.together("a", "b", "c")
    assert created(acme, "grant.give") == [(name, f"request-{name}") for name in "abc"]
    with tenancy.of(acme):
        people = list(Member.objects.all())
    assert [[(each.key, each.permission) for each in grants.effective(who)] for who in people] == [
        [("nordics", "view")]
    ] * 3


def test_directories_have_lots_of_their_own(acme, crowd, entra):
    key = key_of(entra.secret, Kind.NEWCOMERS)
    moment._together._waiting[key] = []
    try:
        assert crowd.begin("a").result(PATIENCE).status == 201
    finally:
        del moment._together._waiting[key]


def test_whose_group_waits_for_them_joins_it(acme, crowd, okta):
    group = Scim(okta).create_group("Ops", "00u1")
    assert statuses(crowd.together("a", "b")) == [201, 201]
    joined = crowd.begin("c", externalId="00u1").result(PATIENCE)
    shown = Scim(okta).get(f"/Groups/{group['id']}").body["members"]
    assert [each["value"] for each in shown] == [joined.body["id"]]


def test_a_lot_whose_connection_is_lost_at_its_end_is_refused_as_one_and_can_be_sent_again(
    acme, crowd, eraser, monkeypatch
):
    """Nobody knows whether it was through: tried again alone, those whose creation was would be told that their name is taken."""
    arrive = arrivals.write

    def lose(ready: arrivals.Ready) -> None:
        arrive(ready)
        if len(ready.newcomers) > 1:
            eraser.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])

    monkeypatch.setattr(arriving_together.arrivals, "write", lose)
    with pytest.raises((OperationalError, InterfaceError)):
        crowd.together("a", "b", "c")
    assert created(acme) == []
    monkeypatch.undo()
    assert statuses(crowd.together("a", "b", "c")) == [201] * 3
