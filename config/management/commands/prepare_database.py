"""Bring the database up to date: roles, migrations, and the first operator if the settings name one."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connections

from config import roles, start, suited
from config.first_migration import changed_models_alone

LOCK = 7_240_001  # any number of our own; two releases starting at once migrate one after the other


# Whoever else prepares waits for us, as long as it takes and whatever is set for the role.
_ALONE = """
SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0
"""


class Command(BaseCommand):
    help = "Make the application's database role, migrate as the owner, and make the first operator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demonstration", action="store_true", help="also make the demonstration's data")

    def handle(self, *_: Any, demonstration: bool, **options: Any) -> None:
        """Run all steps; each may run again at any time."""
        if "owner" not in settings.DATABASES:
            raise CommandError("DATABASE_OWNER_URL is not set: migrations run as the owner of the tables.")
        try:
            _migrate(options["verbosity"])
            start.check_database()
            _fill(demonstration=demonstration)
        except (suited.UnsuitedError, roles.RoleError) as error:
            raise CommandError(str(error)) from error
        except (OperationalError, psycopg.OperationalError) as error:  # a full disk, a server that is stopped
            message = (
                f"PostgreSQL broke the preparation off: {' '.join(str(error).split()).rstrip('.')}. Nothing is half done: each migration"
                " stands or falls as one. Started again when this is mended, it goes on from there."
            )
            raise CommandError(message) from error


def _migrate(verbosity: int) -> None:
    owner_url, database_url = settings.DATABASE_OWNER_URL, settings.DATABASE_URL
    start.when_it_answers("DATABASE_OWNER_URL", partial(suited.refuse_unsuited, owner_url))
    with _alone(owner_url):
        roles.create_application(owner_url, database_url)
        with changed_models_alone(connections["owner"]):
            call_command("migrate", database="owner", interactive=False, verbosity=verbosity)
        connections["owner"].close()


def _fill(*, demonstration: bool) -> None:
    if settings.ROLLCALL_OPERATOR_EMAIL:
        from identity.operators import bootstrap

        bootstrap(settings.ROLLCALL_OPERATOR_EMAIL, settings.ROLLCALL_OPERATOR_PASSWORD)
    if demonstration and find_spec("demo") and find_spec("demo.seed"):
        import_module("demo.seed").seed()


@contextmanager
def _alone(owner_url: str) -> Iterator[None]:
    """Hold the lock for as long as the block takes, by a transaction: a session's lock stays behind in a connection pooler."""
    with psycopg.connect(owner_url, connect_timeout=suited.CONNECT_SECONDS) as connection:
        connection.execute(_ALONE)
        if connection.execute("SHOW transaction_read_only").fetchone() == ("on",):
            raise CommandError(
                "DATABASE_OWNER_URL leads to a database that takes no changes: a standby, or one that is set to be read."
            )
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        yield
