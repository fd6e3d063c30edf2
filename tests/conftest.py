"""The test database, and the cast that every test knows: acme and globex, their administrators and members.

Every test commits for real, through the application's role, so that row-level security, the guard of the record and
everything that happens after commit are as in production. Between tests the rows are removed behind the triggers' back.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import hypothesis
import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from django.test.testcases import LiveServerThread
from psycopg import sql

from audit.record import Actor
from identity import directories, members, organizations, roles, tokens
from identity.models import Directory, Member, Organization
from tests.chromium import chromium  # noqa: F401 - a fixture, for the browser tests of every floor
from tests.dns_server import zone  # noqa: F401 - a fixture of domains, console and API
from tests.metadata_worker import metadata_worker  # noqa: F401 - a fixture of SAML and of the API
from tests.settings import SERVERS

# How long an example takes says something about the machine, and nothing about the product.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent
SETUP = Actor("job", "tests", "the tests")


def _named(url: str, name: str) -> str:
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
    with psycopg.connect(_named(SERVERS.superuser_url, database), autocommit=True) as connection:
        yield connection


@pytest.fixture
def db(eraser) -> Iterator[None]:
    """Give an empty database, in which everything commits."""
    tables = [
        row[0]
        for row in eraser.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'django_migrations'"
        )
    ]
    deletes = sql.SQL(";").join(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)) for table in tables)
    eraser.execute(
        sql.SQL("SET session_replication_role = replica;{};RESET session_replication_role").format(deletes)
    )
    yield
    connections.close_all()


@pytest.fixture(scope="session")
def environment(database) -> dict[str, str]:
    """Give the environment in which a process of its own (worker, web, command) works on the test database."""
    from django.conf import settings

    return {
        **os.environ,
        "DATABASE_URL": _named(SERVERS.database_url, database),
        "DATABASE_OWNER_URL": _named(SERVERS.owner_url, database),
        "REDIS_URL": settings.REDIS_URL,
        "ROLLCALL_DEBUG": "true",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }


@pytest.fixture
def server(db) -> Iterator[str]:
    """Give the address of a real HTTP server of the whole product, as http://127.0.0.1:port."""
    thread = LiveServerThread("127.0.0.1", _static_handler())
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    yield f"http://127.0.0.1:{thread.port}"
    thread.terminate()


def _static_handler() -> type:
    from django.contrib.staticfiles.handlers import StaticFilesHandler

    return StaticFilesHandler


@pytest.fixture
def acme(db) -> Organization:
    """Give a customer with portfolios and assets."""
    return organizations.create(name="Acme", slug="acme", access_model="portfolio_asset", actor=SETUP)


@pytest.fixture
def globex(db) -> Organization:
    """Give another customer, with companies, shops and shop countries."""
    return organizations.create(name="Globex", slug="globex", access_model="company_shop", actor=SETUP)


@pytest.fixture
def operators(db) -> Organization:
    """Give the operating organization."""
    return organizations.create(
        name="Operators", slug="operators", access_model="portfolio_asset", actor=SETUP, is_operating=True
    )


def join(organization: Organization, user_name: str, *, role: str = "", **profile: object) -> Member:
    """Bring somebody into an organization, by hand, with an address like their user name."""
    if "@" in user_name:
        profile.setdefault("emails", [{"value": user_name, "type": "work", "primary": True}])
    member = members.provision(organization, actor=SETUP, user_name=user_name, profile=profile).member
    if role:
        roles.replace(member, [role], actor=SETUP)
    return member


@pytest.fixture
def ada(acme) -> Member:
    """Give acme's administrator."""
    return join(acme, "ada@acme.example", role="organization_admin", displayName="Ada Admin")


@pytest.fixture
def jane(acme) -> Member:
    """Give a member of acme."""
    return join(acme, "jane@acme.example", displayName="Jane Jones")


@pytest.fixture
def gus(globex) -> Member:
    """Give globex's administrator."""
    return join(globex, "gus@globex.example", role="organization_admin", displayName="Gus Grant")


@pytest.fixture
def opal(operators) -> Member:
    """Give an operator."""
    return join(operators, "opal@rollcall.example", role="organization_admin", displayName="Opal Operator")


@dataclass(frozen=True)
class ScimClient:
    """A directory and a token of it."""

    directory: Directory
    secret: str


def scim_client(organization: Organization, idp: str = "generic", name: str = "") -> ScimClient:
    """Give an organization a directory with a token."""
    directory = directories.create(organization, name=name or idp, idp=idp, actor=SETUP)
    return ScimClient(directory, tokens.issue(directory, actor=SETUP)[1])


@pytest.fixture
def okta(acme) -> ScimClient:
    """Give acme's Okta, as the integration network's app."""
    return scim_client(acme, "okta")


@pytest.fixture
def entra(acme) -> ScimClient:
    """Give acme's Entra ID."""
    return scim_client(acme, "entra")
