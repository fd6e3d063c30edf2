"""Everything that operators do from the command line, a subcommand each: `manage.py rollcall offboard --help`."""

import getpass
import socket
import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError

from audit import context
from audit.record import Actor
from config.health import migrations_waiting
from identity.errors import Refusal

# One module of `config/rollcall/` each. It has HELP, add_arguments(parser), and run(out, actor, **options) → exit code.
SUBCOMMANDS: Final = (
    "offboard",
    "move",
    "export",
    "plan",
    "apply",
    "schema",
    "sync",
    "bundle",
    "verify",
    "password-link",
    "delete",
    "rewrap",
)


class Command(BaseCommand):
    help = "Act as an operator from the command line."
    requires_system_checks: list[str] = []  # they load every page and every call; prepare_database runs them

    def add_arguments(self, parser: CommandParser) -> None:
        below = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        for name in SUBCOMMANDS:
            module = _module(name)
            module.add_arguments(below.add_parser(name, help=module.HELP, description=module.HELP))

    def handle(self, *_: Any, subcommand: str, **options: Any) -> None:
        actor = Actor("operator", "command_line", f"{getpass.getuser()}@{socket.gethostname()}")
        try:
            with context.bind(source="command_line"):
                code = _module(subcommand).run(self.stdout, actor, **options)
        except Refusal as refusal:
            place = f"{refusal.field}: " if refusal.field else ""
            raise CommandError(f"{place}{refusal.message}") from refusal
        except ProgrammingError as error:
            if not (waiting := migrations_waiting()):
                raise
            message = (
                f"This database is not prepared: {waiting} migrations wait. "
                "Start `manage.py up` on it, or run `manage.py prepare_database`. ROLLCALL_DATA or DATABASE_URL says which one it is."
            )
            raise CommandError(message) from error
        if code:
            sys.exit(code)


def _module(name: str) -> ModuleType:
    return import_module(f"config.rollcall.{name.replace('-', '_')}")
