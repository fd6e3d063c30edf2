#!/usr/bin/env python
"""Run one of Rollcall's commands: `python manage.py up` starts everything."""

import os
import sys
from typing import Final

# These never speak to a database, or (up) start it themselves.
WITHOUT_DATABASE: Final = frozenset(
    {"help", "--help", "--version", "check", "collectstatic", "makemigrations", "spectacular", "up"}
)


def main(arguments: list[str]) -> None:
    """Run the command, on the embedded servers when the environment names none."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import local

    command = arguments[1] if len(arguments) > 1 else "help"
    local.use(start_servers=command not in WITHOUT_DATABASE)

    from django.core.management import execute_from_command_line

    execute_from_command_line(arguments)


if __name__ == "__main__":
    main(sys.argv)
