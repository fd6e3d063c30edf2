"""Somebody leaves while groups change: no two wait for each other, nobody who is out stays in a group, nothing is told twice."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connections
from psycopg import sql

from audit.events import Event
from audit.models import Entry
from audit.record import Actor, Subject, record
from identity import (
    first_access,
    group_batches,
    groups,
    invitations,
    leaving,
    links,
    member_row,
    members,
    offboarding,
    organizations,
    roles,
    sessions,
    tenancy,
)
from identity.errors import Forbidden
from identity.models import Member, Membership, Organization
from scim.models import LoggedRequest
from tests.conftest import SETUP, join
from tests.scim.talk import Scim
from tests.waiting import PATIENCE

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"

# PostgreSQL looks for a circle once, when somebody has waited for a second: it closes it itself, as the tests may take longer for that.
_WHEN_WAITED_FOR = """
DO $$ DECLARE until timestamptz := clock_timestamp() + {patience} * interval '1 second'; BEGIN
  WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))) LOOP
    IF clock_timestamp() > until THEN RAISE 'nobody waits'; END IF;
    PERFORM pg_sleep(0.002);
  END LOOP;
  PERFORM FROM {table} WHERE id = {key} FOR UPDATE;
END $$
"""


def close_the_circle(other: psycopg.Connection, table: str, key: object) -> None:
    """Hold one more row as soon as somebody waits for this transaction, who holds that row: of the two they are the one that is ended."""
    row = {"patience": sql.Literal(PATIENCE), "table": sql.Identifier(table), "key": sql.Literal(key)}
    other.execute(sql.SQL(_WHEN_WAITED_FOR).format(**row))


class Beside:
    """Work on connections of its own, one after the other begun and each waited for until PostgreSQL has it wait."""

    def __init__(self, eraser: Any, pool: ThreadPoolExecutor) -> None:
        self.eraser, self.pool = eraser, pool

    def begin(self, work: Callable[[], Any], *, waiting: int) -> "Future[Any]":
        """Start the work, and return once so many transactions wait for another one."""

        def whole() -> Any:
            try:
                return work()
            finally:
                connections.close_all()

        future = self.pool.submit(whole)
        deadline = time.monotonic() + PATIENCE
        while not future.done() and self.eraser.execute(WAITING).fetchone()[0] < waiting:
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.01)
        return future


@pytest.fixture
def beside(eraser) -> Iterator[Beside]:
    with ThreadPoolExecutor(4) as pool:
        yield Beside(eraser, pool)


@pytest.fixture
def staff(acme, okta):
    return groups.create(acme, display_name="Staff", directory=okta.directory, actor=SETUP)


def person(organization: Organization, okta: Any, name: str) -> Member:
    return members.provision(
        organization, user_name=name, external_id=f"x-{name}", directory=okta.directory, actor=SETUP
    ).member


def seats(member: Member) -> int:
    with tenancy.of(member.organization_id):
        return Membership.objects.filter(member=member, ended_at__isnull=True).count()


def told(member: Member, event: str) -> int:
    with tenancy.of(member.organization_id):
        return Entry.objects.filter(event=event, subject_kind="member", subject_id=str(member.pk)).count()


WAYS_IN: dict[str, Callable[[Any, Any, Member], Any]] = {
    "change": lambda okta, staff, who: groups.change(staff, add=[str(who.pk)], actor=SETUP),
    "replace": lambda okta, staff, who: groups.change(staff, replace=[str(who.pk)], actor=SETUP),
    "external id": lambda okta, staff, who: groups.change(staff, add=["x-leaver"], actor=SETUP),
    "create": lambda okta, staff, who: groups.create(
        staff.organization, display_name="New", directory=okta.directory, members=[str(who.pk)], actor=SETUP
    ),
    "batch": lambda okta, staff, who: group_batches.move(
        staff.organization, [group_batches.Move(staff.pk, who.pk, joins=True)], actor=SETUP
    ),
    "scim patch": lambda okta, staff, who: Scim(okta).patch(
        f"/Groups/{staff.pk}", {"op": "add", "path": "members", "value": [{"value": str(who.pk)}]}
    ),
    "scim put": lambda okta, staff, who: Scim(okta).put(
        f"/Groups/{staff.pk}", {"displayName": "Staff", "members": [{"value": str(who.pk)}]}
    ),
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_who_leaves_at_the_same_moment_is_not_put_into_a_group(acme, okta, staff, beside, way):
    leaver = person(acme, okta, "leaver")
    with tenancy.change(acme):
        members.offboard(leaver, actor=SETUP)
        joining = beside.begin(lambda: WAYS_IN[way](okta, staff, leaver), waiting=1)
    joining.result(PATIENCE)
    assert (seats(leaver), told(leaver, "group.member_add")) == (0, 0)


@pytest.mark.parametrize("way", sorted(WAYS_IN.keys() - {"create"}))
def test_leaving_and_being_put_into_a_group_do_not_lock_each_other_out(acme, okta, staff, beside, way):
    leaver = person(acme, okta, "leaver")
    groups.change(staff, add=[str(leaver.pk)], actor=SETUP)
    with tenancy.change(acme):
        groups.lock(staff)
        joining = beside.begin(lambda: WAYS_IN[way](okta, staff, leaver), waiting=1)
        going = beside.begin(lambda: members.offboard(leaver, actor=SETUP), waiting=2)
    joining.result(PATIENCE)
    going.result(PATIENCE)
    assert seats(leaver) == 0
    assert told(leaver, "group.member_add") == told(leaver, "group.member_remove")


def test_leaving_and_being_taken_out_of_a_group_is_told_once(acme, okta, staff, beside):
    leaver = person(acme, okta, "leaver")
    groups.change(staff, add=[str(leaver.pk)], actor=SETUP)
    with tenancy.change(acme):
        groups.change(staff, remove=[str(leaver.pk)], actor=SETUP)
        going = beside.begin(lambda: members.offboard(leaver, actor=SETUP), waiting=1)
    receipt = going.result(PATIENCE)
    assert (receipt.groups, told(leaver, "group.member_remove")) == ([], 1)


def test_who_leaves_while_they_show_their_second_factor_is_not_let_in(acme, jane, beside):
    organizations.change(acme, second_factor="everybody", actor=SETUP)
    session, _ = sessions.start(jane, actor=SETUP)
    with tenancy.change(acme):
        member_row.lock(jane)
        shown = beside.begin(lambda: sessions.complete(session, actor=SETUP), waiting=1)
        members.offboard(jane, actor=SETUP)
    with pytest.raises(Forbidden, match="has ended"):
        shown.result(PATIENCE)


def test_who_leaves_while_their_invitation_is_accepted_accepts_nothing(acme, jane, beside):
    invitations.create(acme, jane.email, access={"roles": ["auditor"]}, actor=SETUP)
    with tenancy.change(acme):
        member_row.lock(jane)
        accepted = beside.begin(lambda: invitations.accept_for(jane, jane.email, actor=SETUP), waiting=1)
        members.offboard(jane, actor=SETUP)
    assert accepted.result(PATIENCE) is False


def test_whose_first_roles_come_while_the_other_administrator_leaves_stays_one(acme, ada, beside):
    organizations.change(acme, defaults={"roles": [roles.ADMINISTRATOR]}, actor=SETUP)
    newcomer = members.provision(acme, user_name="newcomer", actor=SETUP).member
    wanted = first_access.Wanted(roles=("auditor",))
    with tenancy.change(acme):
        members.offboard(ada, actor=Actor("member", "0197"))
        applied = beside.begin(lambda: first_access.apply_asserted(newcomer, wanted, actor=SETUP), waiting=1)
    assert applied.result(PATIENCE).spared == (roles.ADMINISTRATOR,)


def test_people_who_leave_by_lists_at_once_wait_for_each_other_in_one_order(acme, okta, beside):
    first, last = (
        groups.create(acme, display_name=name, directory=okta.directory, actor=SETUP) for name in "AB"
    )
    people = [person(acme, okta, f"leaver{number}") for number in range(4)]
    for number, (group, other) in enumerate([(first, last), (last, first)]):
        groups.change(group, add=[str(people[2 * number].pk)], actor=SETUP)
        groups.change(other, add=[str(people[2 * number + 1].pk)], actor=SETUP)
    lists = [[each.pk for each in people[:2]], [each.pk for each in people[2:]]]
    with tenancy.change(acme):
        groups.lock(first)
        begun = [
            beside.begin(lambda ids=ids: leaving.offboard(acme, ids, actor=SETUP), waiting=number)
            for number, ids in enumerate(lists, 1)
        ]
    for each in begun:
        each.result(PATIENCE)
    assert [seats(each) for each in people] == [0, 0, 0, 0]


def test_administrators_of_one_group_who_leave_by_different_hands_do_not_lock_each_other_out(
    acme, ada, opal, staff, okta, beside
):
    first, second = (join(acme, f"{name}@acme.example", role="organization_admin") for name in ("a", "b"))
    for each in (first, second):
        with tenancy.change(acme):
            links.make(each, okta.directory, None)
            record(
                Event.MEMBER_LINK,
                organization_id=acme.pk,
                actor=SETUP,
                subject=Subject("member", str(each.pk)),
            )
        groups.change(staff, add=[str(each.pk)], actor=SETUP)
    with tenancy.change(acme):
        roles.hold_administrators(acme.pk)
        begun = [
            beside.begin(lambda: members.offboard(first, actor=Actor("job", "grace_ends")), waiting=1),
            beside.begin(
                lambda: leaving.offboard(acme, [second.pk], actor=Actor("member", "0197")), waiting=2
            ),
        ]
        groups.lock(staff)
    for each in begun:
        each.result(PATIENCE)
    assert (seats(first), seats(second)) == (0, 0)


def test_a_request_that_was_ended_for_another_is_done_again(acme, okta, staff, eraser, beside):
    newcomer = person(acme, okta, "newcomer")
    body = {"op": "replace", "path": "members", "value": [{"value": str(newcomer.pk)}]}
    with psycopg.connect(eraser.info.dsn, password=eraser.info.password) as other:
        # The request has PostgreSQL look for circles first, and is the one that is ended.
        other.execute("SET deadlock_timeout = '30s'")
        other.execute("SELECT FROM identity_group WHERE id = %s FOR UPDATE", [staff.pk])
        patching = beside.begin(lambda: Scim(okta).patch(f"/Groups/{staff.pk}", body), waiting=0)
        close_the_circle(other, "identity_member", newcomer.pk)
        assert not patching.done()
    assert patching.result(PATIENCE).status == 200
    assert (seats(newcomer), told(newcomer, "group.member_add")) == (1, 1)
    with tenancy.of(acme):
        assert [row.status for row in LoggedRequest.objects.filter(method="PATCH")] == [200]


def test_a_deletion_that_comes_second_finds_nobody(acme, okta, beside):
    leaver = person(acme, okta, "leaver")
    with tenancy.change(acme):
        members.offboard(leaver, tombstone=okta.directory, actor=SETUP)
        later = [
            beside.begin(work, waiting=number)
            for number, work in enumerate(
                [
                    lambda: Scim(okta).delete(f"/Users/{leaver.pk}"),
                    lambda: Scim(okta).patch(
                        f"/Users/{leaver.pk}", {"op": "replace", "path": "active", "value": True}
                    ),
                    lambda: Scim(okta).put(f"/Users/{leaver.pk}", {"userName": "leaver"}),
                ],
                1,
            )
        ]
    assert [each.result(PATIENCE).status for each in later] == [404, 404, 404]


def test_whom_a_directory_deletes_just_now_it_can_create_anew(acme, okta, beside):
    """Who waits for their row was told that an administrator had put them out, and only an administrator could help."""
    leaver = person(acme, okta, "mei@acme.example")
    idp = Scim(okta)
    with tenancy.change(acme):
        held = member_row.lock(leaver)
        offboarding.offboard_locked(held, actor=SETUP, reason="deleted", tombstone=okta.directory)
        body = {"userName": "mei@acme.example", "externalId": "x-mei@acme.example"}
        creation = beside.begin(lambda: Scim(okta).post("/Users", body), waiting=1)
        assert not creation.done()
    answer = creation.result(PATIENCE)
    assert answer.status == 201
    assert answer.body["id"] != str(leaver.pk)
    assert idp.get(f"/Users/{leaver.pk}").status == 404


def test_whom_an_administrator_offboards_just_now_a_directory_does_not_create_anew(acme, okta, beside):
    leaver = person(acme, okta, "mei@acme.example")
    with tenancy.change(acme):
        offboarding.offboard_locked(member_row.lock(leaver), actor=SETUP, reason="left")
        body = {"userName": "mei@acme.example", "externalId": "x-mei@acme.example"}
        creation = beside.begin(lambda: Scim(okta).post("/Users", body), waiting=1)
        assert not creation.done()
    answer = creation.result(PATIENCE)
    assert (answer.status, answer.code) == (403, "offboarded")
