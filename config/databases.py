"""How Django is told of a database: its address, and what each connection keeps to."""

import re
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from config.environment import Environment, SettingError

_PORTS: Final = re.compile(r"\d+(,\d+)*")
_SCHEMES: Final = ("postgres://", "postgresql://")
# A server that is gone without a word, with its machine or behind a firewall that forgot us: found out after 20 to 30 seconds,
# where TCP by itself would wait for a quarter of an hour and more.
_GIVE_UP: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# Jobs, commands and migrations take as long as they take, whatever is set for the role; requests have limits of their own (config/gate.py).
_UNLIMITED: Final = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"


def read(env: Environment, name: str, default: str | None) -> dict[str, object]:
    """Read the address of a database, as postgresql://user:password@host:5432/rollcall. Raises SettingError."""
    address = env.text(name, default)
    try:
        # As libpq reads it: several hosts, or the folder of a socket as ?host=, and its options.
        given = conninfo_to_dict(address) if address.startswith(_SCHEMES) else {}
    except psycopg.ProgrammingError:
        raise SettingError(
            name,
            "is no address that PostgreSQL's library can read; in a password write @ as %40, / as %2F, % as %25.",
        ) from None
    ports = str(given.setdefault("port", "5432"))
    if not all(given.get(part) for part in ("user", "host", "dbname")) or not _PORTS.fullmatch(ports):
        raise SettingError(
            name, "must name user and database, as postgresql://user:password@host:5432/rollcall."
        )
    return {
        "ENGINE": "identity.postgresql",
        "HOST": given.pop("host"),
        "PORT": given.pop("port"),
        "NAME": given.pop("dbname"),
        "USER": given.pop("user"),
        "PASSWORD": given.pop("password", ""),
        # Kept for the life of the thread. A psycopg pool was measured as fast (docs/operations.md), and is one more part.
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_GIVE_UP,
            "application_name": "rollcall",
            "options": _UNLIMITED,
            # A statement is prepared by the server from its fifth use on: planning it anew each time took a quarter of a creation.
            "server_side_binding": True,
            "prepare_threshold": 5,
            **given,
        },
    }
