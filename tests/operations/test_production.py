"""The processes of compose.yml, started by hand with a production environment against the embedded servers."""

import base64
import http.client
import json
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import psutil
import psycopg
import pytest
from psycopg import sql

from config import embedded
from config.environment import ROOT
from tests.operations.machine import bare_environment, wait_for
from tests.ports import free_port
from tests.waiting import PATIENCE

# Everything that the migrations make, in words.
SCHEMA = """
SELECT 'table', relname::text, relkind::text, relrowsecurity::text || relforcerowsecurity::text, relacl::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT 'column', attrelid::regclass::text, attname::text, attnum::text || ' ' || format_type(atttypid, atttypmod) || ' '
        || attnotnull::text || attidentity::text || attgenerated::text, pg_get_expr(adbin, adrelid)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), '' FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', tablename::text, indexname::text, indexdef, '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname::text, pg_get_triggerdef(oid), tgenabled::text FROM pg_trigger
    WHERE NOT tgisinternal
UNION ALL SELECT 'policy', tablename::text, policyname::text, qual, with_check || roles::text || cmd FROM pg_policies
UNION ALL SELECT 'function', proname::text, oidvectortypes(proargtypes), pg_get_functiondef(oid), proacl::text FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'migration', app::text, name::text, '', '' FROM django_migrations
ORDER BY 1, 2, 3, 4, 5
"""
HOST = "rollcall.example"
OWNER_SQL = "CREATE ROLE rollcall_owner LOGIN CREATEROLE PASSWORD 'owner'; CREATE DATABASE rollcall OWNER rollcall_owner"


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    """Give the environment of production on a server whose owner is no superuser, as compose.yml makes it."""
    data = tmp_path_factory.mktemp("production")
    servers = embedded.ensure(data, durable=False)
    at = servers.superuser_url.rpartition("@")[2].partition("/")[0]
    with psycopg.connect(servers.superuser_url, autocommit=True) as connection:
        for statement in ("DROP DATABASE rollcall", "DROP ROLE rollcall_app", "DROP ROLE rollcall_owner"):
            connection.execute(sql.SQL(statement))
        for statement in OWNER_SQL.split("; "):
            connection.execute(sql.SQL(statement))
    yield bare_environment(
        ROLLCALL_PUBLIC_URL=f"https://{HOST}",
        ROLLCALL_TRUSTED_PROXIES="1",
        ROLLCALL_SECRET_KEY="s" * 50,
        ROLLCALL_MASTER_KEY=base64.b64encode(b"m" * 32).decode(),
        ROLLCALL_DATA=str(data / "processes"),
        ROLLCALL_OPERATOR_EMAIL=f"opal@{HOST}",
        ROLLCALL_OPERATOR_PASSWORD="a long password of opal",
        DATABASE_URL=f"postgresql://rollcall_app:app@{at}/rollcall",
        DATABASE_OWNER_URL=f"postgresql://rollcall_owner:owner@{at}/rollcall",
        REDIS_URL=servers.redis_url,
    )
    embedded.release(data)


def manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def without_owner(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name != "DATABASE_OWNER_URL"}


@contextmanager
def running(environment: dict[str, str], *arguments: str):
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        process.log = process.communicate(timeout=PATIENCE)[0]


def get(port: int, path: str, host: str = HOST) -> http.client.HTTPResponse | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Host": host, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.text = response.read().decode()
    except OSError:
        return None
    finally:
        connection.close()
    return response


def is_ready(port: int) -> bool:
    response = get(port, "/readyz")
    return response is not None and response.status == 200


@pytest.fixture(scope="module")
def prepared(production):
    """Give the same environment once the database is prepared."""
    result = manage(production, "prepare_database", "--verbosity=0")
    assert result.returncode == 0, result.stderr
    return production


def test_a_database_prepared_at_once_is_like_one_that_took_every_release(prepared, eraser):
    """The tests' own database is migrated in Django's way, one model and all that are related to it after the other."""
    with psycopg.connect(prepared["DATABASE_OWNER_URL"]) as connection:
        at_once = connection.execute(SCHEMA).fetchall()
    assert len(at_once) > 2000
    assert at_once == eraser.execute(SCHEMA).fetchall()


def test_a_preparation_that_postgresql_breaks_off_is_told_by_one_sentence(prepared):
    """Eighty lines of traceback preceded what a full disk has to say."""
    impatient = {
        **prepared,
        "DATABASE_OWNER_URL": f"{prepared['DATABASE_OWNER_URL']}?options=-c%20lock_timeout%3D1",
    }
    with psycopg.connect(prepared["DATABASE_OWNER_URL"]) as connection:
        connection.execute("LOCK TABLE django_migrations")
        result = manage(impatient, "prepare_database", "--verbosity=0")
    assert result.returncode == 1
    assert result.stderr.startswith(
        "CommandError: PostgreSQL broke the preparation off: canceling statement due to lock timeout"
    )
    assert result.stderr.count("\n") == 1


def test_the_processes_of_production_serve(prepared, production):
    again = manage(production, "prepare_database", "--verbosity=0")
    assert again.returncode == 0, again.stderr
    assert manage(production, "collectstatic", "--noinput").returncode == 0
    port = free_port()
    environment = without_owner(production)
    with (
        running(environment, "serve", f"--port={port}") as web,
        running(environment, "work", "--processes=1"),
        running(environment, "clock"),
    ):
        wait_for(lambda: is_ready(port))
        page = get(port, "/")
        assert page.status in {200, 302}
        assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["X-Frame-Options"] == "DENY"
        for cookie in page.headers.get_all("Set-Cookie") or []:
            assert "; Secure" in cookie
        assert get(port, "/", host="evil.example").status == 400
        assert get(port, "/metrics").status == 404
        psutil.Process(web.pid).children(recursive=True)[-1].kill()
        wait_for(lambda: is_ready(port))
    lines = [json.loads(line) for line in web.log.splitlines()]
    assert [line["status"] for line in lines if line["event"] == "request"]
    # What the server beneath says goes the same way; of itself it has nothing to say.
    assert [line["event"] for line in lines if line["logger"] == "_granian"][:1] == [
        "Unexpected exit from worker-1"
    ]
    assert "Traceback" not in web.log


@pytest.mark.parametrize(
    ("bind", "why"), [("127.0.0.1", "Address already in use"), ("203.0.113.9", "assign")]
)
def test_an_address_that_cannot_be_listened_on_is_told_by_one_sentence(prepared, bind, why):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        result = manage(without_owner(prepared), "serve", "--bind", bind, "--port", str(port))
    assert result.returncode == 1
    assert result.stderr.startswith(f"CommandError: Cannot listen on {bind} port {port}: ")
    assert why in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["serve", "work"])
def test_a_role_that_row_level_security_does_not_bind_is_refused(production, command):
    result = manage({**production, "DATABASE_URL": production["DATABASE_OWNER_URL"]}, command)
    assert result.returncode == 1
    assert "DATABASE_URL names the role rollcall_owner, which is the owner" in result.stderr
    assert "Traceback" not in result.stderr


def test_migrations_need_the_owner(production):
    result = manage(without_owner(production), "prepare_database")
    assert result.returncode == 1
    assert "DATABASE_OWNER_URL is not set" in result.stderr


def test_a_lonely_owner_gets_an_application_role_beside_it(production):
    environment = {**without_owner(production), "DATABASE_URL": production["DATABASE_OWNER_URL"]}
    result = manage(environment, "prepare_database", "--verbosity=0")
    assert result.returncode == 0, result.stderr
    refused = manage(environment, "serve")
    assert "names the role rollcall_owner" in refused.stderr
