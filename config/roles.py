"""The two database roles: one owns the tables and migrates, the other is what web and workers use.

Row-level security binds only a role that neither owns the tables nor is a superuser, so the second one must be
ordinary; `refuse_powerful` stops a process that was given more.
"""

import hashlib
import hmac
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

DATABASE: Final = "rollcall"
OWNER: Final = "rollcall_owner"
APPLICATION: Final = "rollcall_app"
CONNECT_SECONDS: Final = 5

# Superuser, allowed to bypass row-level security, or (a member of) the owner of our tables.
_POWERS: Final = """
SELECT r.rolsuper, r.rolbypassrls,
       pg_has_role(current_user, d.datdba, 'MEMBER') OR EXISTS (
         SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
            AND pg_has_role(current_user, c.relowner, 'MEMBER'))
  FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()
"""


class RoleError(RuntimeError):
    """A database role is missing or may do too much; the message says what to do."""


def powers(url: str) -> list[str]:
    """Name what the role of the address may do beyond an application's needs; empty for an ordinary one."""
    with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
        row = connection.execute(_POWERS).fetchone()
    superuser, bypasses, owns = row or (False, False, False)
    found = (
        ("a superuser", superuser),
        ("allowed to bypass row-level security", bypasses),
        ("the owner", owns),
    )
    return [name for name, has in found if has]


def refuse_powerful(url: str) -> None:
    """Raise RoleError when web or worker would run with a role that row-level security does not bind."""
    if found := powers(url):
        name = conninfo_to_dict(url)["user"]
        message = (
            f"DATABASE_URL names the role {name}, which is {' and '.join(found)}: the walls between organizations "
            f"would not hold. Name the owner in DATABASE_OWNER_URL and an ordinary role in DATABASE_URL; "
            f"`manage.py prepare_database` makes it."
        )
        raise RoleError(message)


def application_url(owner_url: str, secret_key: str) -> str:
    """Give the address of the application's role beside an owner's, its password derived from the secret key."""
    password = hmac.new(secret_key.encode(), b"rollcall database role", hashlib.sha256).hexdigest()
    parts = urlsplit(owner_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{APPLICATION}:{quote(password)}@{host}"))


def create_application(owner_url: str, database_url: str) -> None:
    """Make the application's role on a server of the operator's, if it is missing and the owner may. Idempotent.

    An existing role keeps its password unless it is one of ours that no longer opens the door.
    Raises RoleError with the statement for a database administrator when the owner may not.
    """
    wanted = conninfo_to_dict(database_url)
    name, password = str(wanted["user"]), str(wanted.get("password", ""))
    with psycopg.connect(owner_url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
        try:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone() is None:
                _login_role(connection, name, password, sql.SQL("NOCREATEDB"))
            elif not _opens(database_url):
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
                )
        except psycopg.errors.InsufficientPrivilege:
            message = (
                f"The role {name} is missing or has another password, and {conninfo_to_dict(owner_url)['user']} may "
                f"not make it. Have a database administrator run: CREATE ROLE {name} LOGIN PASSWORD '…';"
            )
            raise RoleError(message) from None


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


def _opens(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=CONNECT_SECONDS).close()
    except psycopg.OperationalError:
        return False
    return True


def _login_role(
    connection: "psycopg.Connection[tuple[object, ...]]", name: str, password: str, extra: sql.Composable
) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE {} PASSWORD {}").format(
            sql.SQL("ALTER" if known else "CREATE"), sql.Identifier(name), extra, sql.Literal(password)
        )
    )
