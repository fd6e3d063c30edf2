"""What a developer's machine gets without asking: development mode, the embedded servers, an application role.

A production environment names its database; when `DATABASE_URL` is missing, a command run through `manage.py`
works on the data directory (`ROLLCALL_DATA`, by default `var/`). The processes of production never do so by
themselves: started without their settings they stop, unless the supervisor handed them over.
"""

import argparse
import base64
import os
from typing import Final

import psycopg

from config import embedded, roles
from config.embedded.state import load_secrets
from config.environment import MASTER_KEY_BYTES, SettingError, data_directory

_PORT_MAX: Final = 65_535
# What compose.yml runs: a forgotten DATABASE_URL must stop these, and not turn them into a developer's machine.
PRODUCTION: Final = frozenset({"prepare_database", "serve", "work", "clock"})

# Nothing is made, kept or called with them.
_NOTHING: Final = {
    "ROLLCALL_PUBLIC_URL": "https://nothing.invalid",
    "ROLLCALL_SECRET_KEY": "of-commands-that-need-no-settings",
    "ROLLCALL_MASTER_KEY": base64.b64encode(bytes(MASTER_KEY_BYTES)).decode(),
    "DATABASE_URL": "postgresql://nobody:nothing@nothing.invalid/nothing",
    "DATABASE_OWNER_URL": "postgresql://nobody:nothing@nothing.invalid/nothing",
    "REDIS_URL": "redis://nothing.invalid",
}


def use(command: str, arguments: list[str], *, start_servers: bool) -> None:
    """Complete the environment before the settings read it, and start the embedded servers if they are needed.

    `up` is development mode unless ROLLCALL_DEBUG says otherwise, also on servers that the environment names.
    Raises SettingError, RoleError or EmbeddedError.
    """
    if command == "up":
        os.environ.update(_options_of_up(arguments))
    if command == "up" or not (os.environ.get("DATABASE_URL") or command in PRODUCTION):
        os.environ.setdefault("ROLLCALL_DEBUG", "true")
    if os.environ.get("ROLLCALL_DEBUG") == "true" and start_servers and not servers_named():
        embedded.ensure(data_directory())
    if command in {"up", "prepare_database"}:
        split_roles()


def use_nothing() -> None:
    """Give the settings values that name nothing: whoever reads a command's help, or checks a file, may have none or wrong ones."""
    for name in list(os.environ):
        if name.startswith(("DATABASE_", "REDIS_", "EMAIL_", "ROLLCALL_")):
            del os.environ[name]
    os.environ.update(_NOTHING)


def split_roles() -> None:
    """Where DATABASE_URL alone is given and its role owns the tables, work through a role of our own instead."""
    given = os.environ.get("DATABASE_URL")
    if not given or os.environ.get("DATABASE_OWNER_URL"):
        return
    try:
        powerful = roles.powers(given)
    except psycopg.Error as error:
        message = f"DATABASE_URL: the database does not answer: {error}"
        raise roles.RoleError(message) from None
    if not powerful:
        return
    key = os.environ.get("ROLLCALL_SECRET_KEY")
    if not key and os.environ.get("ROLLCALL_DEBUG") == "true":
        key = load_secrets(data_directory()).secret_key
    if key:  # else the settings refuse the missing key by name
        os.environ["DATABASE_OWNER_URL"] = given
        os.environ["DATABASE_URL"] = roles.application_url(given, key)


def servers_named() -> bool:
    """Tell whether the environment names both servers, so that none of ours is needed."""
    return bool(os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))


def _options_of_up(arguments: list[str]) -> dict[str, str]:
    """Read the options of `up` that settings depend on; the command itself explains all of them. Raises SettingError."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--data")
    parser.add_argument("--port", default="8000")
    parser.add_argument("--bind", default="127.0.0.1")
    try:
        options, _ = parser.parse_known_args(arguments)
    except argparse.ArgumentError:
        return {}
    if not (options.port.isascii() and options.port.isdigit() and 1 <= int(options.port) <= _PORT_MAX):
        raise SettingError("--port", f"must be a whole number from 1 to {_PORT_MAX}, not {options.port!r}.")
    values = {"ROLLCALL_DATA": options.data} if options.data else {}
    if not os.environ.get("ROLLCALL_PUBLIC_URL"):
        host = "localhost" if options.bind in {"127.0.0.1", "0.0.0.0", "::", "::1"} else options.bind  # noqa: S104
        values["ROLLCALL_PUBLIC_URL"] = f"http://{host}:{options.port}"
    return values
