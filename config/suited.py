"""Which PostgreSQL can hold Rollcall: another is refused before anything is made in it, with what to change."""

from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

# Tried from here to 18. 14 is no longer maintained, and lets every role make tables beside ours.
OLDEST: Final = 15
CONNECT_SECONDS: Final = 5
_ASKED: Final = """
SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),
       current_setting('default_transaction_isolation'), current_schema(), left(current_setting('DateStyle'), 3)
"""
# Names are compared without regard to case: under the locale C only a to z fold, and in Turkish an I becomes another letter.
_LETTERS: Final = "SELECT lower('ÀIŠЖ') = 'àišж'"
# As every connection of ours has some: a pooler that is not told to let them in refuses them.
_OPTIONS: Final = "-c statement_timeout=0"
_ANEW: Final = "Make it anew: CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"


class UnsuitedError(RuntimeError):
    """The database cannot hold Rollcall; the message says what to change."""


def refuse_unsuited(url: str) -> None:
    """Raise UnsuitedError where the server, the database or what is set for this role would break us later, and less clearly."""
    with _connected(url) as connection:
        if problem := _problem(connection) or _pooled_badly(connection, url):
            name, role = connection.info.dbname, connection.info.user
            raise UnsuitedError(
                f"The database {name} cannot be used, as the role {role} meets it: {problem}."
            )


def _problem(connection: "psycopg.Connection[tuple[object, ...]]") -> str:
    version, encoding, isolation, schema, dates = connection.execute(_ASKED).fetchone() or (0, "", "", "", "")
    if not isinstance(version, int) or version < OLDEST:
        return f"PostgreSQL {OLDEST} or newer is needed, and this is {version}"
    if encoding != "UTF8":
        return f"its encoding is {encoding}. {_ANEW}"
    if connection.execute(_LETTERS).fetchone() != (True,):
        return f"its locale does not turn capital letters into small ones as names need it. {_ANEW}"
    wrong = {
        "default_transaction_isolation must be read committed": isolation != "read committed",
        "search_path must lead to the schema public first": schema != "public",
        "DateStyle must begin with ISO": dates != "ISO",
    }
    found = [each for each, is_wrong in wrong.items() if is_wrong]
    return f"{' and '.join(found)}; see ALTER ROLE and ALTER DATABASE" if found else ""


def _pooled_badly(connection: "psycopg.Connection[tuple[object, ...]]", url: str) -> str:
    """Say so where a pooler gives our next statement another connection of the server, without what was prepared on the one before."""
    if connection.execute("SELECT pg_backend_pid()").fetchone() == (connection.info.backend_pid,):
        return ""  # no pooler: it would give us a number of its own
    connection.rollback()
    connection.autocommit = True
    with _connected(url) as another:
        try:
            connection.execute("SELECT 1", prepare=True)
            another.execute("SELECT 1")  # begins a transaction, on the connection that has just become free
            connection.execute("SELECT 1", prepare=True)
        except (psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement):
            return (
                "a pooler stands before it and loses prepared statements. PgBouncer keeps them in session mode, and in transaction mode"
                " from version 1.21 on with max_prepared_statements = 200"
            )
    return ""


def _connected(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    options = conninfo_to_dict(url).get("options", _OPTIONS)
    return psycopg.connect(url, client_encoding="utf8", connect_timeout=CONNECT_SECONDS, options=options)
