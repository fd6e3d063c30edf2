"""A statement of a request ends after its time, and whoever asked is told what to do, in the words of their door."""

import psycopg
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import InternalError, OperationalError, ProgrammingError, connection, transaction
from django.test import Client

from config.gate import Gate
from config.scim_wsgi import ScimFirst
from identity.postgresql.flush import Statement
from scim.errors import of_crash
from tests.scim.talk import Scim
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("db")
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
SEARCH = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": 'displayName co "a"'}


@pytest.fixture
def place(settings):
    """Work in a place of a gate that ends a statement after a second."""
    settings.ROLLCALL_STATEMENT_SECONDS = 1
    gate = Gate(ScimFirst(WSGIHandler()))
    with gate.place({}):
        yield
    for each in gate.places._free:
        each.close()


@pytest.fixture
def held(okta, eraser, place):
    """Have everybody wait who wants to read people."""
    with psycopg.connect(eraser.info.dsn, password=eraser.info.password) as other:
        other.execute("LOCK TABLE identity_member IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


def limits() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')"
        )
        return list(cursor.fetchone())


def test_a_place_has_limits(place):
    assert limits() == ["1s", "1min"]


def test_what_is_no_request_has_none():
    assert limits() == ["0", "0"]


@pytest.mark.parametrize(
    "path", ["/Users?filter=displayName+co+%22a%22", "/Users?filter=displayName+co+%22a%22&count=5"]
)
def test_a_filter_that_takes_too_long_is_too_many(held, okta, path):
    answer = Scim(okta).get(path)
    assert (answer.status, answer.body["scimType"], answer.code) == (400, "tooMany", "filter_too_slow")
    answer = Scim(okta).post("/Users/.search", SEARCH)
    assert (answer.status, answer.body["scimType"], answer.code) == (400, "tooMany", "filter_too_slow")


def test_everything_else_is_to_come_again_and_has_done_nothing(held, okta, eraser):
    for answer in (Scim(okta).post("/Users", {"userName": "mei@example.org"}), Scim(okta).get("/Users")):
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "too_slow", "1")
    assert eraser.execute("SELECT status, code FROM scim_loggedrequest WHERE status = 500").fetchall() == []


def test_the_connection_is_good_for_the_next_request(place, okta, eraser):
    with psycopg.connect(eraser.info.dsn, password=eraser.info.password) as other:
        other.execute("LOCK TABLE identity_member IN ACCESS EXCLUSIVE MODE")
        assert Scim(okta).get("/Users").status == 503
        other.rollback()
    assert Scim(okta).post("/Users", {"userName": "mei@example.org"}).status == 201
    assert Scim(okta).get("/Users").body["totalResults"] == 1


def test_the_api_says_it_as_a_problem(held, acme, settings):
    settings.ROLLCALL_OPERATOR_TOKEN = "o" * 40
    client = Client(raise_request_exception=False)
    answer = client.get("/api/v1/organizations/acme/members", headers={"Authorization": f"Bearer {'o' * 40}"})
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert (answer.json()["code"], answer["Retry-After"]) == ("too_slow", "1")


def test_a_person_reads_it_on_a_page(held):
    client = Client(raise_request_exception=False)
    answer = client.post(
        "/sign-in", {"user_name": "ada@acme.example", "password": "x" * 20, "organization": "acme"}
    )
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert "That took too long" in answer.content.decode()


def test_the_api_and_pages_say_when_the_database_is_away(acme, monkeypatch, settings):
    def away(*_, **__):
        raise OperationalError("the database system is starting up")

    settings.ROLLCALL_OPERATOR_TOKEN = "o" * 40
    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.ensure_connection", away)
    monkeypatch.setattr("identity.postgresql.base.DatabaseWrapper.ask", away)
    client = Client(raise_request_exception=False)
    answer = client.get("/api/v1/organizations/acme/members", headers={"Authorization": f"Bearer {'o' * 40}"})
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "5")
    answer = client.post(
        "/sign-in", {"user_name": "ada@acme.example", "password": "x" * 20, "organization": "acme"}
    )
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def test_a_server_that_takes_no_changes_is_left_for_another(okta, place):
    """As after a failover: the connection leads to what is a standby now, the next one to the new primary."""
    scim = Scim(okta)
    scim.client.raise_request_exception = False
    assert scim.post("/Users", {"schemas": [USER], "userName": "jane"}).status == 201
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    answer = scim.post("/Users", {"schemas": [USER], "userName": "bob"})
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "unavailable", "5")
    connection.close_if_unusable_or_obsolete()
    assert connection.connection is None
    assert scim.post("/Users", {"schemas": [USER], "userName": "bob"}).status == 201


def test_a_process_that_stood_still_within_a_transaction_has_people_come_again(eraser, place):
    # PostgreSQL's reason is heard, unless the kernel tells first that its process is gone.
    with (
        pytest.raises(
            (InternalError, OperationalError), match=r"idle-in-transaction|closed the connection"
        ) as met,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 1")
        assert eventually(
            lambda: eraser.execute("SELECT FROM pg_stat_activity WHERE pid = %s", pid).fetchone() is None
        )
        cursor.execute("SELECT 5")
    error = of_crash(met.value)
    assert (error.status, error.code, error.headers["Retry-After"]) == (503, "unavailable", "5")


def test_a_statement_that_is_refused_leaves_the_connection(place):
    with pytest.raises(ProgrammingError):
        connection.ask(Statement("SELECT nothing"))
    held = connection.connection
    assert connection.errors_occurred
    connection.close_if_unusable_or_obsolete()
    assert connection.connection is held
    assert connection.ask(Statement("SELECT 5")) == [[(5,)]]


def test_a_bug_is_a_problem_too(acme, monkeypatch, settings):
    def crash(*_, **__):
        raise ZeroDivisionError

    settings.ROLLCALL_OPERATOR_TOKEN = "o" * 40
    monkeypatch.setattr("identity.api.view.ApiView.initial", crash)
    client = Client(raise_request_exception=False)
    answer = client.get("/api/v1/organizations", headers={"Authorization": f"Bearer {'o' * 40}"})
    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (
        500, "application/problem+json", "crashed",
    )  # fmt: skip
