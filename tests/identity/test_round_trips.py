"""What nobody waits for travels with the next statement, and is done, refused and forgotten as if it had been waited for."""

import select
from contextlib import suppress

import pytest
from django.db import DatabaseError, DataError, IntegrityError, OperationalError, connection, transaction
from psycopg.pq import TransactionStatus

from identity import member_row, members, tenancy, tokens
from identity.errors import UserNameTaken
from identity.models import Directory, Member
from identity.postgresql.flush import Statement
from tests.conftest import SETUP, join

IDLE, IN_TRANSACTION = TransactionStatus.IDLE, TransactionStatus.INTRANS


def status():
    return connection.connection.info.transaction_status


def one(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


def test_a_transaction_in_which_nothing_is_asked_leaves_nothing_open(acme):
    with tenancy.of(acme):
        pass
    assert status() == IDLE
    assert one("SELECT 1") == (1,)
    assert status() == IDLE


def test_a_rollback_before_anything_is_asked_leaves_nothing_open(acme):
    with pytest.raises(ZeroDivisionError), tenancy.of(acme):
        raise ZeroDivisionError
    assert status() == IDLE
    assert one("SELECT NULLIF(current_setting('rollcall.organization', true), '')") == (None,)


def test_what_is_queued_is_done_before_the_next_statement(acme):
    with tenancy.of(acme):
        assert one("SELECT current_setting('rollcall.organization')") == (str(acme.pk),)
        assert status() == IN_TRANSACTION
        with transaction.atomic():
            assert one("SELECT 1") == (1,)
        assert one("SELECT 2") == (2,)


def test_what_was_to_be_prepared_behind_a_refusal_is_not_taken_for_prepared(acme):
    """The server skips it, and the connection would ask for what is not there at each later use."""
    asked, uses = "SELECT 7000 + %s::int", connection.settings_dict["OPTIONS"]["prepare_threshold"]
    for _ in range(uses):
        assert one(asked, 1) == (7001,)
    with pytest.raises(DataError), tenancy.of(acme):
        connection.ahead("SELECT 1 / 0")
        one(asked, 1)
    for _ in range(uses + 2):
        assert one(asked, 2) == (7002,)


def test_what_is_prepared_with_what_was_queued_stays_prepared(acme):
    asked, uses = "SELECT 8000 + %s::int", connection.settings_dict["OPTIONS"]["prepare_threshold"]
    for _ in range(uses + 1):
        with tenancy.of(acme):
            assert one(asked, 1) == (8001,)
    assert asked.replace("%s", "$1") in {
        row[0] for row in connection.connection.execute("SELECT statement FROM pg_prepared_statements")
    }


def test_a_savepoint_that_ends_with_its_connection_says_so(acme, eraser):
    """Whoever goes on after a refusal would be told of a bug of ours otherwise, and its client of a crash."""
    with pytest.raises(OperationalError, match="connection was lost"), tenancy.of(acme):
        with suppress(ZeroDivisionError), transaction.atomic():
            one("SELECT 1")
            eraser.execute("SELECT pg_terminate_backend(%s, 10000)", [connection.connection.info.backend_pid])
            raise ZeroDivisionError
        connection.ahead("SELECT 2")


def test_what_was_refused_can_be_taken_back_to_its_savepoint(acme, jane):
    with tenancy.of(acme):
        with pytest.raises(UserNameTaken):
            members.provision(acme, actor=SETUP, user_name=jane.user_name)
        with pytest.raises(IntegrityError), transaction.atomic():
            Member.objects.filter(pk=jane.pk).update(state=None)
        assert Member.objects.get(pk=jane.pk).state == "active"


def test_a_queued_statement_that_is_refused_is_raised_with_the_next(db):
    with pytest.raises(DatabaseError, match="division by zero"), transaction.atomic():
        connection.ahead("SELECT 1 / %s", [0])
        one("SELECT 1")
    assert one("SELECT 3") == (3,)


def test_a_queued_question_is_answered_with_the_next(db):
    with transaction.atomic():
        answer = connection.later(Statement("SELECT 1 + %s", [1]))
        assert answer.rows is None
        assert connection.ask(Statement("SELECT 3")) == [[(3,)]]
        assert answer.rows == [(2,)]


def test_a_queued_question_is_answered_by_cursor_and_commit_too(db):
    with transaction.atomic():
        by_cursor = connection.later(Statement("SELECT 4"))
        assert one("SELECT 5") == (5,)
        assert by_cursor.rows == [(4,)]
        by_commit = connection.later(Statement("SELECT 6"))
    assert by_commit.rows == [(6,)]


def test_a_question_that_was_rolled_back_is_never_answered(db):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        answer = connection.later(Statement("SELECT 7"))
        raise ZeroDivisionError
    assert one("SELECT 8") == (8,)
    assert answer.rows is None


def test_in_a_transaction_that_is_lost_no_more_is_queued(db):
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            connection.ahead("SELECT 1")


def test_a_read_by_one_round_trip_sees_its_organization_and_nothing_is_left_of_the_setting(jane, gus):
    names = "SELECT user_name FROM identity_member"
    assert tenancy.read(jane.organization_id, names, []) == [("jane@acme.example",)]
    assert tenancy.read(gus.organization_id, names, []) == [("gus@globex.example",)]
    assert (status(), one("SELECT count(*) FROM identity_member")) == (IDLE, (0,))


def test_a_statement_that_is_refused_unsent_leaves_nothing_for_the_next(jane):
    with pytest.raises(DatabaseError, match="NUL"):
        tenancy.read(
            jane.organization_id, "SELECT user_name FROM identity_member WHERE user_name = %s", ["a\0"]
        )
    assert (status(), one("SELECT count(*) FROM identity_member")) == (IDLE, (0,))


def test_a_read_joins_the_transaction_that_is_open(okta, gus):
    heard = "SELECT count(*) FROM identity_directory WHERE last_heard_at IS NOT NULL"
    with tenancy.of(okta.directory.organization_id):
        Directory.objects.update(last_heard_at="2026-01-01T00:00Z")
        assert tenancy.read(okta.directory.organization_id, heard, []) == [(1,)]
        assert tenancy.read(gus.organization_id, heard, []) == [(0,)]
        assert Directory.objects.count() == 1


def test_a_connection_that_the_server_closed_is_not_used_again(db, eraser):
    one("SELECT 1")
    assert connection.is_usable()
    eraser.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    # The server's farewell may take a moment to arrive.
    select.select([connection.connection.fileno()], [], [], 10)
    assert not connection.is_usable()
    connection.close()
    assert one("SELECT 4") == (4,)


def test_a_server_side_cursor_waits_for_what_is_queued(acme, jane):
    with tenancy.of(acme):
        assert [each.pk for each in Member.objects.iterator(chunk_size=1)] == [jane.pk]


def test_a_token_is_found_with_all_that_the_orm_would_read(okta, jane):
    found = tokens.find(okta.secret)
    with tenancy.everywhere("test"):
        token = tokens.Token.objects.select_related("organization", "directory").get(pk=found.token.pk)
    for loaded, read in (
        (found.token, token),
        (found.organization, token.organization),
        (found.token.directory, token.directory),
    ):
        assert [getattr(loaded, field.attname) for field in loaded._meta.concrete_fields] == [
            bytes(value) if isinstance(value := getattr(read, field.attname), memoryview) else value
            for field in read._meta.concrete_fields
        ]
    assert found.token.member is None
    secret = tokens.issue(jane, actor=SETUP, scopes=[])[1]
    assert tokens.find(secret).token.member == jane


def test_within_a_whole_a_refusal_takes_everything_back_and_nothing_more_is_asked(acme, jane):
    with pytest.raises(UserNameTaken), tenancy.whole(acme):
        members.provision(acme, actor=SETUP, user_name="new@acme.example")
        members.provision(acme, actor=SETUP, user_name=jane.user_name)
    with tenancy.of(acme):
        assert not Member.objects.filter(user_name="new@acme.example").exists()
    with pytest.raises(transaction.TransactionManagementError), tenancy.whole(acme):
        with pytest.raises(UserNameTaken):
            members.provision(acme, actor=SETUP, user_name=jane.user_name)
        members.provision(acme, actor=SETUP, user_name="new@acme.example")
    assert status() == IDLE


def test_a_whole_within_a_transaction_is_a_savepoint_like_any_verb(acme, jane):
    with tenancy.of(acme):
        with pytest.raises(UserNameTaken), tenancy.whole(acme):
            members.provision(acme, actor=SETUP, user_name="new@acme.example")
            members.provision(acme, actor=SETUP, user_name=jane.user_name)
        members.provision(acme, actor=SETUP, user_name="other@acme.example")
    with tenancy.of(acme):
        names = set(Member.objects.values_list("user_name", flat=True))
    assert {"other@acme.example"} == names & {"new@acme.example", "other@acme.example"}


def test_whole_numbers_past_64_bits_stay_as_they_are(acme, jane):
    profile = {"externalNumber": 12345678901234567890123}
    made = members.provision(acme, actor=SETUP, user_name="big@acme.example", profile=profile).member
    with tenancy.change(acme):
        assert member_row.lock(made).profile == profile
    members.change(jane, profile=profile | {"title": "x"}, actor=SETUP)
    with tenancy.of(acme):
        assert Member.objects.get(pk=jane.pk).profile == profile | {"title": "x"}


def test_a_write_that_travels_with_the_commit_is_refused_there_by_the_same_name(acme, jane):
    join(acme, "bob@acme.example")
    with pytest.raises(UserNameTaken), tenancy.whole(acme):
        members.change(jane, user_name="bob@acme.example", actor=SETUP)
    assert status() == IDLE
    with tenancy.of(acme):
        assert Member.objects.get(pk=jane.pk).user_name == "jane@acme.example"


def test_what_is_queued_within_a_savepoint_is_taken_back_with_it_also_where_it_is_refused(acme, jane):
    with tenancy.of(acme):
        for sql in ("SELECT 1 / 0", "UPDATE identity_member SET version = version + 1"):
            with pytest.raises(RuntimeError), transaction.atomic():
                connection.ahead(sql)
                raise RuntimeError
        assert Member.objects.get(pk=jane.pk).version == jane.version


def test_what_is_queued_is_done_before_a_cursor_a_copy_and_the_commit(acme, jane):
    with tenancy.change(acme):
        connection.ahead("SELECT set_config('rollcall.tried', 'here', true)")
        assert one("SELECT current_setting('rollcall.tried')") == ("here",)
        connection.ahead("CREATE TEMPORARY TABLE tried (word text) ON COMMIT DROP")
        with connection.cursor() as cursor, cursor.copy("COPY tried FROM STDIN") as copy:
            copy.write(b"a\nb\n")
        assert one("SELECT count(*) FROM tried") == (2,)
    with pytest.raises(DatabaseError, match="division by zero"), tenancy.of(acme):
        connection.ahead("SELECT 1 / %(by)s", {"by": 0})
    assert (status(), one("SELECT 6")) == (IDLE, (6,))


def test_what_is_prepared_outlives_a_rollback(acme):
    def questions():
        with tenancy.of(acme):
            assert tenancy.asked("SELECT %s::text || 'y'", ["x"]) == [("xy",)]

    for _ in range(3):
        questions()
    with pytest.raises(RuntimeError), tenancy.of(acme):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            raise ZeroDivisionError
        raise RuntimeError
    questions()
    sql = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%|| ''y''%%' AND name LIKE 'rollcall%%'"
    assert one(sql) == (1,)


def prepared():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.parametrize("act", ["DROP TABLE passing", "ALTER TABLE passing ADD COLUMN b int"])
def test_psycopg_has_the_server_forget_only_what_it_has_prepared_itself(act, db):
    ours = Statement("SELECT 41 + %s::int", (1,))
    for _ in range(3):
        connection.ask(ours)
    for _ in range(8):
        one("SELECT 1 + %s::int", 2)
    kept = {name for name in prepared() if name.startswith("rollcall_")}
    assert kept
    assert {name for name in prepared() if name.startswith("_pg3_")}
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE passing (a int)")
        cursor.execute(act)
    assert one("SELECT 1") == (1,)
    assert kept <= prepared()
    assert not {name for name in prepared() if name.startswith("_pg3_")}
    with transaction.atomic():
        assert one("SELECT 1") == (1,)
        assert connection.ask(ours) == [[(42,)]]
    for _ in range(8):
        assert one("SELECT 1 + %s::int", 2) == (3,)
