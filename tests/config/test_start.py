"""Whoever starts a process while the database does not answer hears why at once, and the start gives up in the end."""

import base64

import psycopg
import pytest
from django.core.management.base import CommandError
from django.db import connection

from config import start
from identity import secrets
from tests.database import named
from tests.ports import free_port
from tests.settings import SERVERS


def test_a_database_that_never_answers_is_given_up(monkeypatch, capsys):
    monkeypatch.setattr(start, "WAIT_SECONDS", 0.0)
    address = f"postgresql://app:hidden@127.0.0.1:{free_port()}/rollcall"
    with pytest.raises(
        CommandError, match=r"^DATABASE_URL: the database does not answer: .*refused"
    ) as refused:
        start.when_it_answers("DATABASE_URL", lambda: psycopg.connect(address).close())
    assert "hidden" not in f"{refused.value}{capsys.readouterr()}"


def test_the_first_refusal_is_told_once_while_the_start_waits(capsys):
    outcomes = iter([psycopg.OperationalError("starting up"), psycopg.OperationalError("starting up"), None])

    def ask() -> None:
        if outcome := next(outcomes):
            raise outcome

    start.when_it_answers("DATABASE_OWNER_URL", ask)
    assert capsys.readouterr().err == "DATABASE_OWNER_URL: no answer yet, trying for 30 s: starting up\n"


def test_a_database_that_answers_is_no_news(capsys):
    start.when_it_answers("DATABASE_URL", lambda: None)
    assert capsys.readouterr().err == ""


def test_a_master_key_that_opens_nothing_is_refused(acme, settings):
    """It would have sealed what came next, beside what nobody could open."""
    settings.DATABASE_URL = named(SERVERS.database_url, connection.settings_dict["NAME"])
    secrets.seal(acme.pk, "here", b"something")
    start.check_database()
    before = settings.ROLLCALL_MASTER_KEY
    settings.ROLLCALL_MASTER_KEY, settings.ROLLCALL_MASTER_KEYS_OLD = base64.b64encode(b"n" * 32).decode(), []
    with pytest.raises(
        CommandError, match=r"ROLLCALL_MASTER_KEY opens nothing of what is sealed .* ROLLCALL_MASTER_KEYS_OLD"
    ):
        start.check_database()
    settings.ROLLCALL_MASTER_KEYS_OLD = [before]
    start.check_database()
