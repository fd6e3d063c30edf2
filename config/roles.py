"""The two database roles: one owns the tables and migrates, the other is what web and workers use.

Row-level security binds only a role that neither owns the tables nor is a superuser, so the second one must
be ordinary; `refuse_powerful` stops a process that was given more.
"""

from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

DATABASE: Final = "rollcall"
OWNER: Final = "rollcall_owner"
APPLICATION: Final = "rollcall_app"


class RoleError(RuntimeError):
    """A database role is missing or may do too much; the message says what to do."""


def create_embedded(superuser_url: str, owner_url: str, database_url: str, *, tests: bool = False) -> None:
    """Make both roles and the database of an embedded server. Idempotent.

    `tests` lets the owner create databases, which a test run needs and a server must not have.
    """
    owner, application = conninfo_to_dict(owner_url), conninfo_to_dict(database_url)
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        extra = sql.SQL("CREATEDB" if tests else "NOCREATEDB")
        _login_role(connection, str(owner["user"]), str(owner["password"]), extra)
        _login_role(connection, str(application["user"]), str(application["password"]), sql.SQL("NOCREATEDB"))
        known = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [owner["dbname"]]
        ).fetchone()
        if known is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(str(owner["dbname"])), sql.Identifier(str(owner["user"]))
                )
            )


def _login_role(
    connection: "psycopg.Connection[tuple[object, ...]]", name: str, password: str, extra: sql.Composable
) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE {} PASSWORD {}").format(
            sql.SQL("ALTER" if known else "CREATE"), sql.Identifier(name), extra, sql.Literal(password)
        )
    )
