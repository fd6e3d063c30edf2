"""Whoever starts a process while the database does not answer hears why at once, and the start gives up in the end."""

import psycopg
import pytest
from django.core.management.base import CommandError

from config import start
from tests.ports import free_port


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
