"""Deletes an organization, a batch a transaction: its rows, itself, then its record; and leaves the proof.

PostgreSQL is asked which tables there are, so that none is forgotten. Each batch has an entry in the record, which itself goes last,
and is counted in the deletion's row in the same transaction: a worker that is killed loses one batch, and the next one goes on from there.
"""

import hashlib
import time
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone
from psycopg import sql

from audit import chain, ending, export, sequencer
from audit.events import Event
from audit.json_text import canonical, instant
from audit.record import Actor, record
from identity import deletions, secrets, tenancy
from identity.models import Deletion

State = Deletion.State
BATCH: Final = 2000
PATIENCE_SECONDS: Final = 2.0
FORMAT: Final = "rollcall-proof-of-deletion"
VERSION: Final = 1
# The organization goes last, the record after it, and this stays.
_LAST: Final = "identity_organization"
_NOT_MINE: Final = (
    _LAST, "identity_deletion", "audit_entry", "audit_detail", "audit_position", "audit_head", "audit_unsequenced", "audit_ending",
)  # fmt: skip
# Tables with the wall of tenants around them that we may delete from. What we may not, a trigger of the owner takes along.
_TABLES: Final = """
SELECT walled.relname FROM pg_policy JOIN pg_class AS walled ON walled.oid = polrelid
 WHERE polname = 'tenant' AND has_table_privilege(walled.oid, 'DELETE')
 ORDER BY walled.relname
"""
_REFERENCES: Final = """
SELECT DISTINCT child.relname, parent.relname, keyed.attname
  FROM pg_constraint AS reference
  JOIN pg_class AS child ON child.oid = reference.conrelid
  JOIN pg_class AS parent ON parent.oid = reference.confrelid
  JOIN pg_attribute AS keyed ON keyed.attrelid = reference.conrelid AND keyed.attnum = ANY (reference.conkey)
 WHERE reference.contype = 'f' AND keyed.attname <> 'organization_id'
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A tenant's table, and the columns by which its rows refer to rows of the same one."""

    name: str
    within: tuple[str, ...] = ()


def tables() -> list[Table]:
    """Return every table that holds rows of tenants, such that nothing refers to what comes later."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        names = [row[0] for row in cursor.fetchall() if row[0] not in _NOT_MINE]
        cursor.execute(_REFERENCES)
        references: list[tuple[str, str, str]] = cursor.fetchall()
    waits_for = {
        name: {child for child, parent, _ in references if parent == name and child != name} & {*names}
        for name in names
    }
    within = {
        name: tuple(sorted(column for child, parent, column in references if child == parent == name))
        for name in names
    }
    ordered: list[Table] = []
    while waits_for:
        free = sorted(name for name, children in waits_for.items() if not children)
        if not free:
            message = f"These tables refer to each other in a circle: {', '.join(sorted(waits_for))}."
            raise RuntimeError(message)
        for name in free:
            ordered.append(Table(name, within[name]))
            del waits_for[name]
        for children in waits_for.values():
            children.difference_update(free)
    return ordered


def step(deletion_id: UUID, organization_id: UUID, order: list[Table], *, actor: Actor) -> bool:
    """Do one batch of a deletion that has begun; tells whether there is more to do at once. Another worker's turn is left to it."""
    with tenancy.change(organization_id):
        deletion = (
            Deletion.objects.select_for_update(skip_locked=True)
            .filter(pk=deletion_id, state__in=Deletion.BEGUN)
            .first()
        )
        if deletion is None:
            return False
        if deletion.state == State.DELETING:
            return _delete_rows(deletion, order, actor)
    # A record that has ended is followed to its end, and forgotten from there on. Everything waits for whoever still writes in it.
    if not _quiet(organization_id):
        return False
    with tenancy.change(organization_id):
        deletion = Deletion.objects.select_for_update(skip_locked=True).filter(pk=deletion_id).first()
        if deletion is None or deletion.state != State.ENDING:
            return False
        return _follow(deletion) or _forget(deletion) or _finish(deletion, actor)


def _quiet(organization_id: UUID) -> bool:
    """Wait a moment for whoever wrote in the record before its end, and tell whether that was enough; else the next tick goes on."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        sequencer.run_for(organization_id)
        with tenancy.of(organization_id):
            if ending.is_quiet(organization_id):
                return True
        if time.monotonic() > until:
            return False
        time.sleep(0.05)


def _delete_rows(deletion: Deletion, order: list[Table], actor: Actor) -> bool:
    """Delete a batch of the first table that has any, and at the end the organization; the tenancy is set."""
    for table in order:
        number = _delete(table, deletion.organization_id)
        if number:
            _count(deletion, actor, table.name, number)
            return True
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM identity_organization WHERE id = %s", [deletion.organization_id])
    _count(deletion, actor, _LAST, 1)
    deletion.state = State.ENDING
    deletion.save(update_fields=["state"])
    secrets.forget()
    return True


def _delete(table: Table, organization_id: UUID) -> int:
    """Delete at most BATCH rows that no row of the same table refers to any more."""
    free = sql.SQL("").join(
        sql.SQL(
            " AND NOT EXISTS (SELECT 1 FROM {table} AS other"
            " WHERE other.organization_id = mine.organization_id AND other.{column} = mine.id)"
        ).format(table=sql.Identifier(table.name), column=sql.Identifier(column))
        for column in table.within
    )
    statement = sql.SQL(
        "DELETE FROM {table} WHERE organization_id = %s AND ctid = ANY (ARRAY("
        "SELECT mine.ctid FROM {table} AS mine WHERE mine.organization_id = %s{free} LIMIT %s))"
    ).format(table=sql.Identifier(table.name), free=free)
    with connection.cursor() as cursor:
        cursor.execute(statement, [organization_id, organization_id, BATCH])
        return int(cursor.rowcount)


def _count(deletion: Deletion, actor: Actor, table: str, number: int) -> None:
    deletion.rows[table] = deletion.rows.get(table, 0) + number
    deletion.save(update_fields=["rows"])
    record(
        Event.ORGANIZATION_DELETE_ROWS,
        organization_id=deletion.organization_id,
        actor=actor,
        subject=deletions.subject_of(deletion),
        data={"table": table, "rows": number},
    )


def _follow(deletion: Deletion) -> bool:
    """Follow the chain a batch further; tells whether there was anything."""
    if deletion.rows.get("audit_entry"):
        return False
    before = chain.Place(deletion.record_seq, bytes.fromhex(deletion.record_hash) or chain.START)
    place = chain.follow(deletion.organization_id, before, BATCH)
    if place == before:
        return False
    deletion.record_seq, deletion.record_hash = place.seq, place.hash.hex()
    deletion.save(update_fields=["record_seq", "record_hash"])
    return True


def _forget(deletion: Deletion) -> bool:
    """Forget a batch of entries, of a record that was followed to its end; tells whether there were any."""
    if not deletion.rows.get("audit_entry") and export.head(deletion.organization_id) != deletion.record_seq:
        message = f"The record of {deletion.organization_id} was followed to {deletion.record_seq}, which is not its end."
        raise RuntimeError(message)
    entries, details = ending.forget(deletion.organization_id, BATCH)
    if not entries:
        return False
    for table, number in (("audit_entry", entries), ("audit_detail", details)):
        deletion.rows[table] = deletion.rows.get(table, 0) + number
    deletion.save(update_fields=["rows"])
    return True


def _finish(deletion: Deletion, actor: Actor) -> bool:
    """Write the proof, here and in the operating organization's record; there is nothing more to do."""
    deletion.ended_at = timezone.now()
    deletion.proof = _proof(deletion)
    deletion.proof_sha256 = digest(deletion.proof)
    deletion.reason, deletion.state = "", State.DONE
    deletion.save(update_fields=["ended_at", "proof", "proof_sha256", "reason", "state"])
    deletions.record_at_home(
        Event.ORGANIZATION_DELETE,
        deletion,
        actor,
        proof_sha256=deletion.proof_sha256,
        **{name: deletion.proof[name] for name in ("asked_by", "rows", "record", "bundle")},
    )
    return False


def digest(proof: dict[str, Any]) -> str:
    """Return the SHA-256 of the proof's canonical form (RFC 8785), in hex."""
    return hashlib.sha256(canonical(proof)).hexdigest()


def _proof(deletion: Deletion) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "deletion": str(deletion.pk),
        "organization": {
            "id": str(deletion.organization_id),
            "name": deletion.name,
            "slug": deletion.slug,
        },
        "asked_by": deletion.asked_by,
        **{
            name: instant(getattr(deletion, name))
            for name in ("asked_at", "delete_after", "begun_at", "ended_at")
        },
        "rows": deletion.rows,
        "record": {"seq": deletion.record_seq, "hash": deletion.record_hash},
        "bundle": deletion.bundle,
    }
