"""What is asked together by one flush is answered in its order, refused as a whole, and prepared no more often than it is worth."""

import pytest
from django.db import DatabaseError, DataError, IntegrityError, OperationalError, connection, transaction
from psycopg.pq import TransactionStatus

from identity import members, tenancy
from identity.errors import UserNameTaken
from identity.postgresql.flush import PREPARED_MAX, Statement
from tests.conftest import SETUP
from tests.identity.test_round_trips import IDLE, one, status


def asked(sql, parameters=()):
    return connection.ask(Statement("SELECT 1"), Statement(sql, parameters))[1]


def test_what_is_asked_together_is_answered_in_its_order_however_often(db):
    for number in range(4):  # as it is, while it is prepared, and prepared
        assert connection.ask(
            Statement("SELECT %s::int, '100%%'", [number]),
            Statement("SELECT %(a)s::text || %(b)s::text || %(a)s::text", {"a": "x", "b": "y"}),
            Statement("SELECT 1 WHERE FALSE"),
        ) == [[(number, "100%")], [("xyx",)], []]


def test_a_refused_question_leaves_the_connection_as_it_was(db):
    for _ in range(3):
        with pytest.raises(DatabaseError, match="division by zero"):
            connection.ask(Statement("SELECT 2"), Statement("SELECT 1 / %s", [0]), Statement("SELECT 3"))
        assert (status(), asked("SELECT 1 / %s", [1])) == (IDLE, [(1,)])
    with pytest.raises(DatabaseError, match="syntax"):
        asked("SELECT FROM WHERE")
    assert (status(), asked("SELECT 5")) == (IDLE, [(5,)])


def test_no_more_than_so_many_statements_stay_prepared(db):
    for number in [*range(PREPARED_MAX + 20), *range(10)]:
        for _ in range(2):
            assert asked(f"SELECT {number}, %s::text", ["x"]) == [(number, "x")]
    held = one("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'rollcall%%'")[0]
    assert PREPARED_MAX - 5 <= held <= PREPARED_MAX


def test_a_connection_pooler_is_told_by_the_protocol_what_is_no_longer_prepared(db, tmp_path):
    """PgBouncer has prepared what its clients have under names of its own, and knows nothing of theirs in SQL."""
    asked("SELECT 1")
    seen = tmp_path / "trace"
    with seen.open("wb") as file, transaction.atomic():
        connection.connection.pgconn.trace(file.fileno())
        for number in range(PREPARED_MAX + 20):
            for _ in range(2):
                asked(f"SELECT {number}, %s::text", ["x"])
        connection.connection.pgconn.untrace()
    assert "\tClose\t" in seen.read_text()
    assert "DEALLOCATE" not in seen.read_text()


def test_questions_and_answers_may_be_larger_than_any_buffer(db):
    large = "x" * 5_000_000
    assert asked("SELECT %s::text, repeat('y', 5000000)", [large]) == [(large, "y" * 5_000_000)]


def test_a_question_joins_the_transaction_that_is_open(jane):
    with tenancy.of(jane.organization_id):
        assert asked("SELECT user_name FROM identity_member") == [("jane@acme.example",)]
        with pytest.raises(DatabaseError):
            asked("SELECT 1 / 0")
        transaction.set_rollback(True)
    assert asked("SELECT user_name FROM identity_member") == []


def test_what_is_done_meanwhile_is_done_once_and_what_it_queues_travels_with_the_next(acme, jane):
    seen = []

    def meanwhile():
        seen.append(status())
        connection.ahead("UPDATE identity_member SET version = 7 WHERE id = %s", [jane.pk])

    with tenancy.of(acme), pytest.raises(IntegrityError, match="Unrecorded"):
        version = Statement("SELECT version FROM identity_member WHERE id = %s", [jane.pk])
        assert connection.ask(version, meanwhile=meanwhile) == [[(1,)]]
        assert asked(*version[:2]) == [(7,)]
        # The transaction was under way, and the guard of the record looks at what was queued as at anything else.
        assert seen == [TransactionStatus.ACTIVE]
        connection.ask(Statement("SET CONSTRAINTS ALL IMMEDIATE"))


def test_where_what_is_done_meanwhile_fails_the_connection_is_as_good_as_before(acme, jane):
    with tenancy.of(acme):
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                connection.ask(Statement("SELECT pg_sleep(0.01)"), meanwhile=lambda: 1 / 0)
        assert asked("SELECT user_name FROM identity_member") == [("jane@acme.example",)]
        assert one("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%(0.01)'") == (1,)


def test_what_would_have_been_forgotten_behind_a_refusal_is_known_to_stay_prepared(db):
    for _ in range(2):
        asked("SELECT 'the oldest', %s::text", ["x"])
    for number in range(PREPARED_MAX - 1):
        asked(f"SELECT {number}, %s::text", ["x"])
    with pytest.raises(DataError):
        connection.ask(Statement("SELECT 1 / 0"), Statement("SELECT 'behind it'"))
    for number in range(2 * PREPARED_MAX):
        asked(f"SELECT 'then', {number}, %s::text", ["x"])
    assert one("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%the oldest%%'") == (0,)


def test_a_connection_that_ends_while_it_is_asked_is_not_used_again(db, eraser):
    pid = one("SELECT pg_backend_pid()")[0]
    eraser.execute("SELECT pg_terminate_backend(%s)", [pid])
    with pytest.raises(OperationalError):
        asked("SELECT pg_sleep(10)")
    connection.close()
    assert asked("SELECT 6") == [(6,)]


def test_what_was_prepared_may_be_forgotten_by_the_server(jane):
    names = "SELECT user_name FROM identity_member"
    for _ in range(3):
        assert tenancy.read(jane.organization_id, names, []) == [("jane@acme.example",)]
    with pytest.raises(UserNameTaken):
        members.provision(jane.organization, actor=SETUP, user_name=jane.user_name)
    assert tenancy.read(jane.organization_id, names, []) == [("jane@acme.example",)]
    for _ in range(3):
        connection.connection.execute("DEALLOCATE ALL")
        assert tenancy.read(jane.organization_id, names, []) == [("jane@acme.example",)]
