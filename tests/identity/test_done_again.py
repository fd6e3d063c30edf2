"""A change by API or console, or a sign-in by SAML, that PostgreSQL ended for another one's sake is done again, once and whole."""

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError

from identity import conflicts, leaving, organizations
from tests.api.client import token_of
from tests.conftest import SETUP, again, join
from tests.console.conftest import entries, visit
from tests.identity.test_lock_order import beside, close_the_circle  # noqa: F401 - a fixture
from tests.saml.door import Browser, connect, open_sessions, people, session_cookie
from tests.waiting import PATIENCE

HOLD = "SELECT FROM identity_member WHERE id = %s FOR UPDATE"


@pytest.fixture
def ended(eraser, beside):  # noqa: F811 - the fixture
    """Give what runs work that takes the first member and then the second, against somebody who takes them the other way round."""

    def run(first, second, work, table="identity_member"):
        with psycopg.connect(eraser.info.dsn, password=eraser.info.password) as other:
            # The work has PostgreSQL look for circles first, and is the one that is ended.
            other.execute("SET deadlock_timeout = '30s'")
            other.execute(HOLD, [second.pk])
            working = beside.begin(work, waiting=0)
            close_the_circle(other, table, first.pk)
            assert not working.done()
        return working.result(PATIENCE)

    return run


def ended_by_postgresql() -> OperationalError:
    """Give what Django raises for a transaction that PostgreSQL ended."""
    error = OperationalError("deadlock detected")
    error.__cause__ = psycopg.errors.DeadlockDetected()
    return error


@pytest.fixture
def two(acme):
    return sorted((join(acme, "one"), join(acme, "two")), key=lambda member: member.pk)


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one-two"}])
def test_a_call_of_the_api(acme, ada, two, ended, headers):
    api = token_of(ada)
    api.headers |= headers
    body = {"members": [str(member.pk) for member in two]}
    answer = ended(*two, lambda: api.post("/organizations/acme/offboardings", body))
    assert answer.status_code == 200
    assert [again(member).state for member in two] == ["offboarded", "offboarded"]
    assert len(entries(acme, "member.offboard")) == 2


def test_a_page_of_the_console(acme, ada, two, ended):
    client = visit(ada)
    values = {"step": "offboard", "when": "now", "member": [str(member.pk) for member in two]}
    answer = ended(*two, lambda: client.post("/o/acme/leavers/new", values))
    assert answer.status_code == 303
    assert len(entries(acme, "member.offboard")) == 2


def test_a_sign_in_by_saml(acme, ended):
    connection = connect(acme, allow_other_domains=True)
    browser = Browser(connection)
    assert browser.sign_in().status_code == 303
    [jane] = people(acme)
    answer = ended(connection, jane, browser.sign_in, table="saml_connection")
    assert (answer.status_code, bool(session_cookie(answer))) == (303, True)
    assert (len(open_sessions(acme)), len(entries(acme, "session.start"))) == (2, 2)


def test_a_file_that_was_sent_is_read_from_its_beginning_again(acme, ada, monkeypatch):
    tries, real = [], leaving.preview

    def preview(organization, names):
        tries.append(names)
        if len(tries) == 1:
            raise ended_by_postgresql()
        return real(organization, names)

    monkeypatch.setattr(leaving, "preview", preview)
    file = SimpleUploadedFile("leavers.csv", b"ada@acme.example\njane@acme.example")
    assert visit(ada).post("/o/acme/leavers/new", {"file": file}).status_code == 200
    assert tries == [["ada@acme.example", "jane@acme.example"]] * 2


def test_what_was_recorded_before_is_not_done_twice(acme, ada):
    tries = []

    def work():
        tries.append(1)
        organizations.change(acme, actor=SETUP, grace_days=len(tries))
        raise ended_by_postgresql()

    with pytest.raises(OperationalError):
        conflicts.outlived(work)
    assert len(tries) == 1


def test_four_tries_and_no_more():
    tries = []

    def work():
        tries.append(1)
        raise ended_by_postgresql()

    with pytest.raises(OperationalError):
        conflicts.outlived(work)
    assert len(tries) == conflicts.TRIES_MAX
