"""The end of a record: its organization is gone, its last position and hash are known, and its entries are forgotten batch by batch."""

from uuid import UUID

from django.db import connection


def is_quiet(organization_id: UUID) -> bool:
    """Tell whether the record has ended and everybody who wrote in it before has committed, with each entry in its place."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_is_quiet(%s)", [organization_id])
        return bool(cursor.fetchone()[0])


def forget(organization_id: UUID, batch: int) -> tuple[int, int]:
    """Delete at most so many entries of a record that has ended, with their details and places; returns (entries, details).

    PostgreSQL refuses it for any other record.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT entries, details FROM audit_forget(%s, %s)", [organization_id, batch])
        entries, details = cursor.fetchone()
        return int(entries), int(details)
