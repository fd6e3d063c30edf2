"""Bring the database up to date: roles, migrations, and the first operator if the settings name one."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from config import roles
from config.first_migration import changed_models_alone

LOCK = 7_240_001  # any number of our own; two releases starting at once migrate one after the other


class Command(BaseCommand):
    help = "Make the application's database role, migrate as the owner, and make the first operator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demonstration", action="store_true", help="also make the demonstration's data")

    def handle(self, *_: Any, demonstration: bool, **options: Any) -> None:
        """Run all steps; each may run again at any time."""
        if "owner" not in settings.DATABASES:
            raise CommandError("DATABASE_OWNER_URL is not set: migrations run as the owner of the tables.")
        owner_url, database_url = settings.DATABASE_OWNER_URL, settings.DATABASE_URL
        try:
            roles.create_application(owner_url, database_url)
            with connections["owner"].cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            with changed_models_alone(connections["owner"]):
                call_command("migrate", database="owner", interactive=False, verbosity=options["verbosity"])
            connections["owner"].close()
            roles.refuse_powerful(database_url)
        except roles.RoleError as error:
            raise CommandError(str(error)) from error
        if settings.ROLLCALL_OPERATOR_EMAIL:
            from identity.operators import bootstrap

            bootstrap(settings.ROLLCALL_OPERATOR_EMAIL, settings.ROLLCALL_OPERATOR_PASSWORD)
        if demonstration and find_spec("demo") and find_spec("demo.seed"):
            import_module("demo.seed").seed()
