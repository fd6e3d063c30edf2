"""A PostgreSQL that would break us later is refused before anything is made in it, with what to change."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from config import suited
from config.environment import ROOT
from tests.database import named
from tests.settings import SERVERS

# Test processes beside each other share the server.
NAME = f"unsuited_{os.getpid()}"
PARTS = ("audit", "identity", "scim", "saml", "tasks", "console", "config")


@contextmanager
def made(kind: str) -> Iterator[str]:
    """Give the address of an empty database of that kind, by the application's role."""
    with psycopg.connect(SERVERS.superuser_url, autocommit=True) as connection:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(NAME))
        connection.execute(drop)
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ").format(sql.Identifier(NAME)) + sql.SQL(kind)
        )
        try:
            yield named(SERVERS.database_url, NAME)
        finally:
            connection.execute(drop)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'", "its encoding is LATIN1. Make it anew"),
        ("ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'", "its encoding is SQL_ASCII. Make it anew"),
        ("ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'", "its locale does not turn capital letters"),
    ],
)
def test_letters_must_be_what_names_need(kind, why):
    with made(kind) as url, pytest.raises(suited.UnsuitedError, match=why) as refused:
        suited.refuse_unsuited(url)
    assert str(refused.value).startswith(f"The database {NAME} cannot be used, as the role rollcall_app")


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("default_transaction_isolation", "serializable", "must be read committed"),
        ("search_path", "elsewhere, public", None),
        ("search_path", "pg_temp", "search_path must lead to the schema public first"),
        ("DateStyle", "German", "DateStyle must begin with ISO"),
        ("TimeZone", "Asia/Kathmandu", None),
    ],
)
def test_what_is_set_for_the_role_must_suit(setting, value, why):
    with made("ENCODING 'UTF8' LOCALE_PROVIDER builtin LOCALE 'C.UTF-8'") as url:
        with psycopg.connect(SERVERS.superuser_url, autocommit=True) as connection:
            values = sql.SQL(", ").join(sql.Literal(each) for each in value.split(", "))
            connection.execute(
                sql.SQL("ALTER ROLE rollcall_app IN DATABASE {} SET {} TO {}").format(
                    sql.Identifier(NAME), sql.Identifier(setting), values
                )
            )
        if why is None:
            suited.refuse_unsuited(url)
        else:
            with pytest.raises(suited.UnsuitedError, match=why):
                suited.refuse_unsuited(url)


def test_an_old_postgresql_is_refused(monkeypatch):
    monkeypatch.setattr(suited, "OLDEST", 99)
    with pytest.raises(suited.UnsuitedError, match="PostgreSQL 99 or newer is needed, and this is 18"):
        suited.refuse_unsuited(SERVERS.database_url)


def test_ours_suits():
    suited.refuse_unsuited(SERVERS.database_url)
    suited.refuse_unsuited(SERVERS.owner_url)


def test_no_statement_calls_what_the_oldest_lacks():
    """Here runs 18: with 15 a group would be a 500, and everything else as it should be."""
    newer = re.compile(
        r"\b(uuidv[47]|array_sort|array_reverse|any_value|json_table|random_normal)\s*\(", re.IGNORECASE
    )
    sources = [path for part in PARTS for path in (ROOT / part).rglob("*.py")]
    assert len(sources) > 300
    assert [str(path.relative_to(ROOT)) for path in sources if newer.search(path.read_text())] == []
