"""What the application's role may do. Renewed after every migration, so that a new table is never forgotten."""

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


def grant_to_application(using: str = "owner", **_: Any) -> None:
    """Let the application's role read and write rows, add entries, and alter nothing of the record.

    Details may be deleted (erasure of a person), but only with the setting that their trigger asks for.
    """
    if using != "owner":
        return
    role = sql.Identifier(str(settings.DATABASES["default"]["USER"]))
    with connections[using].cursor() as cursor:
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
