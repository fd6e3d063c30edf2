#!/usr/bin/env python
"""Run one of Rollcall's commands: `python manage.py up` starts everything."""

import io
import os
import signal
import sys
from importlib import import_module
from typing import Final

# These never speak to a database, or (up) start it themselves when they are sure to run.
WITHOUT_DATABASE: Final = frozenset(
    {"--version", "check", "collectstatic", "makemigrations", "spectacular", "up"}
    | {"serve", "work", "clock"}
)
# Neither do these, and no setting changes what they do: whoever runs them may have none.
SUBCOMMANDS_WITHOUT_SETTINGS: Final = (["rollcall", "verify"], ["rollcall", "schema"])
HELP: Final = frozenset({"-h", "--help"})
# These need settings and no models; leaving Django's second of loading out makes every start shorter.
WITHOUT_MODELS: Final = frozenset({"up", "serve", "work", "clock"})


def main(arguments: list[str]) -> None:
    """Run the command, on the embedded servers when the environment names none."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    _write_utf8()
    from config import local
    from config.embedded import EmbeddedError
    from config.environment import SettingError
    from config.roles import RoleError

    command = arguments[1] if len(arguments) > 1 else "help"
    asks_help = command == "help" or not HELP.isdisjoint(arguments)
    try:
        if asks_help or arguments[1:3] in SUBCOMMANDS_WITHOUT_SETTINGS:
            local.use_nothing()
        else:
            local.use(command, arguments[2:], start_servers=command not in WITHOUT_DATABASE)
        from django.conf import settings
        from django.core.management import execute_from_command_line

        settings.DEBUG  # noqa: B018 - reads all settings now, so that a wrong one ends here
    except (SettingError, RoleError, EmbeddedError) as error:
        sys.exit(f"Rollcall does not start: {error}")
    if command in WITHOUT_MODELS:
        import_module(f"config.management.commands.{command}").Command().run_from_argv(arguments)
    else:
        execute_from_command_line(arguments)


def _write_utf8() -> None:
    """Write UTF-8 whatever the locale: in one of Latin letters an ellipsis would end us, and an export would not be read anywhere else."""
    os.environ.setdefault("PYTHONUTF8", "1")  # for the processes that we start or become
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)  # as shells count; whoever pressed Ctrl-C wants no traceback
