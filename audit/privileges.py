"""What the application's role may do. Renewed after every migration, so that no new table or function is ever forgotten."""

from typing import Any

from django.conf import settings
from django.db import connections
from psycopg import sql

_READ_ONLY = (
    "audit_position",
    "audit_span",
    "audit_head",
    "audit_unsequenced",
    "audit_ending",
    "django_migrations",
    "identity_directorysize",
    "identity_stretch",
    "identity_stretchstep",
)

# Those that look among temporary tables first, as they do unless they say that it is last.
_BLIND = """
SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
 WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace AND r.rolname = current_user
   AND NOT COALESCE('search_path=public, pg_temp' = ANY (p.proconfig), FALSE)"""


def renew(using: str = "owner", **_: Any) -> None:
    """Bring the rights to what they are to be, after a migration of the owner's."""
    if using == "owner":
        grant_to_application()
        see_through_temporary_tables()


def grant_to_application() -> None:
    """Let the application's role read and write rows, add entries, and alter nothing of the record.

    Details may be deleted (erasure of a person), but only with the setting that their trigger asks for.
    """
    role = sql.Identifier(str(settings.DATABASES["default"]["USER"]))
    with connections["owner"].cursor() as cursor:
        statements = [
            sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role),
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(role),
            sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(role),
        ]
        statements.extend(
            sql.SQL("REVOKE {} ON {} FROM {}").format(sql.SQL(rights), sql.Identifier(table), role)
            for tables, rights in (
                (("audit_entry",), "UPDATE, DELETE, TRUNCATE"),
                (("audit_detail",), "UPDATE, TRUNCATE"),
                (_READ_ONLY, "INSERT, UPDATE, DELETE, TRUNCATE"),
            )
            for table in tables
        )
        for statement in statements:
            cursor.execute(statement)


def see_through_temporary_tables() -> None:
    """Have functions that run with the owner's rights find our tables, and none of the same name that the caller has put in the way.

    The triggers of a caller's own table would run with those rights (PostgreSQL: Writing SECURITY DEFINER Functions Safely).
    """
    with connections["owner"].cursor() as cursor:
        cursor.execute(_BLIND)
        for (function,) in cursor.fetchall():
            cursor.execute(f"ALTER FUNCTION {function} SET search_path = public, pg_temp")
