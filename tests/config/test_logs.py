"""Nothing secret and nothing personal leaves through a log line, whoever writes it."""

import io
import json
import logging

import django.db
import psycopg
import pytest
import structlog
from django.conf import settings
from django.test import Client

from audit import context
from config import logs
from tests.saml.door import connect

SECRETS = [
    "Authorization: Bearer rct_abcdefghijklmnop.qrstuvwxyz",
    "posted SAMLResponse=PHNhbWxwOlJlc3BvbnNlPg== to us",
    'body {"password": "hunter2hunter2"}',
    "postgresql://app:hunter2hunter2@db/rollcall refused",
    "key -----BEGIN PRIVATE KEY-----\nMIIhunter2hunter2\n-----END PRIVATE KEY-----",
    "blob " + "QUJD" * 40,
    "mail to xanthippe.jones@acme.example bounced",
    "duplicate key … DETAIL:  Key (organization_id, user_name)=(0192, xanthippe jones) already exists.",
    "DETAIL:  Failing row contains (0192, xanthippe jones, null).",
]  # fmt: skip
# A name that is in no path: a traceback tells where the clone lies, and somebody's home is called as they are.
LEAKS = ["rct_abc", "PHNhbWx", "hunter2", "QUJDQUJD", "xanthippe"]


@pytest.fixture
def written():
    """Give a function that returns the lines written, parsed; the formatter is the one of production."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    formatter = logs.configure("INFO", "json")["formatters"]["structured"]
    handler.setFormatter(formatter.pop("()")(**formatter))
    before = logging.root.level
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.root.removeHandler(handler)
    logging.root.setLevel(before)


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_and_personal_data_are_masked_in_texts(written, text):
    logging.getLogger("some.library").warning("it said: %s", text)
    (line,) = written()
    assert not [leak for leak in LEAKS if leak in json.dumps(line)]
    assert line["level"] == "warning"


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_and_personal_data_are_masked_in_tracebacks(written, text):
    try:
        int(text)
    except ValueError:
        structlog.get_logger("rollcall.test").exception("failed")
    (line,) = written()
    assert "ValueError" in line["exception"]
    assert not [leak for leak in LEAKS if leak in json.dumps(line)]


def test_fields_are_masked_by_name_at_any_depth(written):
    structlog.get_logger("rollcall.test").info(
        "event",
        authorization="Basic eA==",
        headers={"Cookie": "rollcall_session=abc", "Accept": "text/html"},
        people=[{"user_name": "jane", "state": "active"}],
        new_password="hunter2",
        ip="192.0.2.1",
        count=3,
    )
    (line,) = written()
    assert line["authorization"] == line["new_password"] == logs.SECRET
    assert line["headers"] == {"Cookie": logs.SECRET, "Accept": "text/html"}
    assert line["people"] == [{"user_name": logs.PERSONAL, "state": "active"}]
    assert line["ip"] == logs.PERSONAL
    assert line["count"] == 3


def test_what_a_reader_needs_stays(written):
    with context.bind(request_id="01931b7e-4a5b-7c3d-8e9f-0a1b2c3d4e5f"):
        structlog.get_logger("rollcall.test").info("request", route="scim:users", status=201, method="POST")
    (line,) = written()
    del line["timestamp"]
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "rollcall.test",
        "method": "POST",
        "request_id": "01931b7e-4a5b-7c3d-8e9f-0a1b2c3d4e5f",
        "source": "system",
        "route": "scim:users",
        "status": 201,
    }


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (
            "&".join(f"a{number}=1" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)),
            "application/x-www-form-urlencoded",
        ),
        ("--x\r\n" * 2000, "multipart/form-data; boundary=x"),
    ],
)
def test_what_a_stranger_sends_leaves_no_traceback(acme, written, data, content_type):
    """One to each request would fill the disk, and whoever watches the log would be called for nothing."""
    answer = Client().post(f"/saml2/{connect(acme).pk}/acs", data, content_type=content_type)
    assert answer.status_code in {400, 403}
    assert [line["event"] for line in written() if line["level"] not in {"debug", "info"}] == []


@pytest.fixture
def told_of(acme, monkeypatch, settings, written):
    """Give a function that asks while every question to the database ends in an error, and returns the loud lines."""
    settings.ROLLCALL_OPERATOR_TOKEN = "o" * 40
    bearer = {"Authorization": f"Bearer {'o' * 40}"}
    client = Client(raise_request_exception=False)

    def ask(error):
        def fail(*_, **__):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr("django.db.backends.base.base.BaseDatabaseWrapper.ensure_connection", fail)
            patched.setattr("identity.postgresql.base.DatabaseWrapper.ask", fail)
            client.get(
                "/api/v1/organizations/acme/members/0192f0c1-0000-7000-8000-000000000000", headers=bearer
            )
        return [line for line in written() if line["level"] == "error"]

    return ask


def test_a_database_that_is_away_is_a_line_a_request(told_of):
    """Nine kilobytes of traceback each filled the disk while PostgreSQL was being mended."""
    for cause in (
        None,
        psycopg.errors.DiskFull(),
        psycopg.errors.TooManyConnections(),
        psycopg.errors.AdminShutdown(),
    ):
        error = django.db.OperationalError("connection refused\n\tIs the server running?")
        error.__cause__ = cause
        line = told_of(error)[-1]
        assert (line["event"], line["error"]) == ("database_away", "connection refused")
        assert line["route"] == "api-member"
        assert "exception" not in line
        assert "0192f0c1" not in json.dumps(line)
    assert len(told_of(error)) == 5


def test_a_bug_is_told_with_its_traceback_and_without_the_address(told_of):
    (line,) = told_of(RuntimeError("a bug"))
    assert (line["event"], line["route"], line["status"]) == ("crashed", "api-member", 500)
    assert line["exception"].endswith("RuntimeError: a bug")
    assert "0192f0c1" not in json.dumps(line)


def test_a_deadlock_is_told_with_its_traceback(told_of):
    error = django.db.OperationalError("deadlock detected")
    error.__cause__ = psycopg.errors.DeadlockDetected()
    (line,) = told_of(error)
    assert (line["event"], line["status"]) == ("crashed", 503)
    assert "deadlock detected" in line["exception"]
