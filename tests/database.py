"""The tests' database: one for each worker, copied from a migrated template, and emptied behind the triggers' back for each test."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from psycopg import sql
from psycopg.pq import TransactionStatus

from config.environment import ROOT
from identity.postgresql.base import DatabaseWrapper
from identity.postgresql.preparing import OwnPreparedOnly
from tests.settings import SERVERS

# DISCARD ALL, but for DEALLOCATE ALL and DISCARD PLANS.
_FORGET = "CLOSE ALL; RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'django_migrations'"


def named(url: str, name: str) -> str:
    """Give the address of the database of that name, on the same server and by the same role."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def _template(connection: psycopg.Connection) -> str:
    """Name the migrated template database of this state of the migrations, making it if nobody has."""
    digest = hashlib.sha256()
    for path in sorted(
        [*ROOT.glob("*/migrations/*.py"), ROOT / "audit/schema.py", ROOT / "audit/privileges.py"]
    ):
        digest.update(path.name.encode() + path.read_bytes())
    name = f"template_{digest.hexdigest()[:16]}"
    connection.execute("SELECT pg_advisory_lock(7240)")
    try:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return name
        unfinished = f"{name}_making"
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(unfinished))
        )
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER rollcall_owner").format(sql.Identifier(unfinished))
        )
        _use(unfinished)
        call_command("migrate", database="owner", verbosity=0)
        connections.close_all()
        connection.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(unfinished), sql.Identifier(name))
        )
    finally:
        connection.execute("SELECT pg_advisory_unlock(7240)")
    return name


def _use(name: str) -> None:
    connections.close_all()
    for alias in ("default", "owner"):
        connections[alias].settings_dict["NAME"] = name


@pytest.fixture(scope="session")
def database(django_db_blocker, worker_id) -> Iterator[str]:
    """Make this worker's database from the template and give its name."""
    name = f"test_{worker_id}_{os.getpid()}"
    with (
        psycopg.connect(SERVERS.superuser_url, autocommit=True) as superuser,
        django_db_blocker.unblock(),
    ):
        template = _template(superuser)
        superuser.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER rollcall_owner").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        _use(name)
        yield name
        connections.close_all()
        superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def eraser(database) -> Iterator[psycopg.Connection]:
    """Give a superuser's connection past every trigger: for emptying the tables, and for tests of what PostgreSQL refuses."""
    with psycopg.connect(named(SERVERS.superuser_url, database), autocommit=True) as connection:
        yield connection


@contextmanager
def counted_by_hand(eraser: psycopg.Connection, *tables: str) -> Iterator[None]:
    """Keep autovacuum, which counts when it likes, out of tables whose counting a test depends on."""
    for table in tables:
        eraser.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    try:
        yield
    finally:
        for table in tables:
            eraser.execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)")


@pytest.fixture(scope="session")
def emptying(database) -> Iterator[psycopg.Connection]:
    """Give a connection in which `empty_tables()` deletes every row and fires no trigger.

    A function keeps the plans of its statements; to plan a hundred DELETEs took longer than most tests. Nothing else is done here, since
    a session that changes its session_replication_role forgets its plans.
    """
    with psycopg.connect(named(SERVERS.superuser_url, database), autocommit=True) as connection:
        deletes = sql.SQL(" ").join(
            sql.SQL("DELETE FROM {};").format(sql.Identifier(table))
            for (table,) in connection.execute(_TABLES)
        )
        connection.execute(
            sql.SQL(
                "CREATE FUNCTION pg_temp.empty_tables() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {} END $$"
            ).format(deletes)
        )
        connection.execute("SET session_replication_role = replica")
        yield connection


@pytest.fixture(scope="module")
def keep(emptying) -> Iterator[Callable[[], Callable[[], None]]]:
    """Give an act that keeps every row that there is, and returns the act that brings these back into empty tables, past every trigger.

    For what many tests of a file begin with: the verbs that make it take a hundred times as long.
    """
    made: list[sql.Identifier] = []

    def kept() -> Callable[[], None]:
        turn, inserts = len(made), []
        for (table,) in emptying.execute(_TABLES).fetchall():
            if not emptying.execute(
                sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table))
            ).fetchone()[0]:
                continue
            names = {
                "table": sql.Identifier(table),
                "copy": sql.Identifier("pg_temp", f"kept_{turn}_{table}"),
            }
            emptying.execute(sql.SQL("CREATE TABLE {copy} AS TABLE {table}").format(**names))
            inserts.append(
                sql.SQL("INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE {copy};").format(**names)
            )
            made.append(names["copy"])
        act = sql.Identifier("pg_temp", f"bring_back_{turn}")
        emptying.execute(
            sql.SQL(
                "CREATE OR REPLACE FUNCTION {}() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {} END $$"
            ).format(act, sql.SQL(" ").join(inserts))
        )
        return lambda: emptying.execute(sql.SQL("SELECT {}()").format(act))

    yield kept
    for copy in made:
        emptying.execute(sql.SQL("DROP TABLE {}").format(copy))


@pytest.fixture(scope="module")
def once(emptying, keep) -> Callable[..., Any]:
    """Give an act that returns what `make` gives of an empty database: made for the first test of a file, brought back for the others."""
    known: dict[tuple[Any, ...], tuple[Callable[[], None], Any]] = {}

    def given(make: Callable[..., Any], *arguments: Any) -> Any:
        key = (make, *arguments)
        if key in known:
            known[key][0]()
        else:
            assert not emptying.execute("SELECT FROM identity_organization").fetchall(), (
                "all that is there would be kept"
            )
            made = make(*arguments)
            known[key] = keep(), made
        return deepcopy(known[key][1])

    return given


@pytest.fixture(scope="session")
def environment(database) -> dict[str, str]:
    """Give the environment in which a process of its own (worker, web, command) works on the test database."""
    from django.conf import settings

    return {
        **os.environ,
        "DATABASE_URL": named(SERVERS.database_url, database),
        "DATABASE_OWNER_URL": named(SERVERS.owner_url, database),
        "REDIS_URL": settings.REDIS_URL,
        "ROLLCALL_DEBUG": "true",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }


@pytest.fixture(scope="module")
def unprepared(database) -> None:
    """Begin a file with connections that have prepared nothing: what PostgreSQL plans in it depends on no other file."""
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None:
            # Before: what Django sets on it afterwards could be prepared by the former one, under the first name of the new one.
            OwnPreparedOnly.guard(connection.connection)
        if _rest(connection, "DISCARD ALL"):
            connection._channel = None


@pytest.fixture(scope="module")
def shared_db(emptying, eraser, unprepared) -> None:
    """Give an empty database to all tests of a file, for those that check that they leave everything as it was."""
    emptying.execute("SELECT pg_temp.empty_tables()")


@pytest.fixture
def db(emptying, eraser, unprepared) -> Iterator[None]:
    """Give an empty database, in which everything commits."""
    emptying.execute("SELECT pg_temp.empty_tables()")
    yield
    for connection in connections.all(initialized_only=True):
        _rest(connection, _FORGET)


def _rest(connection: DatabaseWrapper, forget: str) -> bool:
    """Have a connection forget what the test left in its session, or close it if it is in the middle of something; tell whether it stands.

    A new one takes 25 ms of the processor, with all that PostgreSQL reads anew about our tables; to prepare its statements again 7 ms.
    """
    ours = connection.connection
    if ours is None or ours.closed or ours.info.transaction_status != TransactionStatus.IDLE:
        connection.close()
        return False
    try:
        ours.execute(forget)
    except psycopg.OperationalError:  # a test had it ended
        connection.close()
        return False
    connection.errors_occurred = False
    connection.ensure_timezone()
    return True
