"""The record as a chain of hashes: whoever holds its last hash can tell whether a copy of it is whole and unaltered.

Each link is SHA-256(hash before ‖ canonical entry). The entry carries the commitment of its detail and not the detail, so that
erasing a person breaks no chain. Nothing of it is stored while a record grows: positions and entries cannot be changed
(docs/decisions/record-positions.md), so that whoever computes the chain finds the same one.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from audit.json_text import canonical, commitment, instant

START: Final = bytes(32)
_COLUMNS: Final = (
    "id", "event", "outcome", "reason", "source", "actor_kind", "actor_id", "subject_kind", "subject_id", "request_id",
)  # fmt: skip
# Parameters: organization, the last position known. In the order of the chain.
# Joined by ids alone, and row-level security holds all three to the organization: told it, PostgreSQL would read all entries of one
# that its statistics know nothing of yet, for each of them again.
SELECT: Final = f"""
SELECT position.seq, {", ".join(f"entry.{name}" for name in _COLUMNS)}, entry.happened_at, entry.commitment, detail.salt, detail.body
  FROM audit_position position
  JOIN audit_entry entry ON entry.id = position.entry_id
  LEFT JOIN audit_detail detail ON detail.entry_id = entry.id
 WHERE position.organization_id = %s AND position.seq > %s
 ORDER BY position.seq
"""  # noqa: S608 - the names are ours


@dataclass(frozen=True, slots=True)
class Place:
    """How far a chain has come: the position of its last entry, 0 before the first, and the hash there."""

    seq: int = 0
    hash: bytes = START

    def then(self, entry: Mapping[str, Any]) -> "Place":
        """Return the place after the entry, in the form of `entry_of`."""
        return Place(entry["seq"], hashlib.sha256(self.hash + canonical(entry)).digest())


def entry_of(organization_id: UUID, row: Sequence[Any]) -> dict[str, Any]:
    """Return what the chain holds of a row of SELECT: no detail, texts and whole numbers alone."""
    seq, *values, happened_at, committed = row[:-2]
    return {
        "organization": str(organization_id),
        "seq": seq,
        **{name: str(value) for name, value in zip(_COLUMNS, values, strict=True)},
        "happened_at": instant(happened_at),
        "commitment": bytes(committed).hex(),
    }


def detail_of(row: Sequence[Any]) -> dict[str, Any]:
    """Return what a row of SELECT says about people, with the salt of its commitment; both None once the person is erased."""
    salt, body = row[-2:]
    return {
        "salt": bytes(salt).hex() if salt is not None else None,
        "detail": json.loads(body) if body is not None else None,
    }


def proves(entry: Mapping[str, Any], salt: str | None, detail: Any) -> bool:
    """Tell whether the entry was committed to this detail. One without a detail proves nothing and contradicts nothing."""
    if salt is None and detail is None:
        return True
    try:
        return (
            salt is not None
            and commitment(bytes.fromhex(salt), canonical(detail)).hex() == entry["commitment"]
        )
    except (TypeError, ValueError):
        return False


def follow(organization_id: UUID, place: Place, limit: int) -> Place:
    """Return the place at most `limit` entries further on, the same one at the end of the record; the tenancy must be set."""
    with connection.cursor() as cursor:
        cursor.execute(f"{SELECT} LIMIT %s", [organization_id, place.seq, limit])
        for row in cursor.fetchall():
            place = place.then(entry_of(organization_id, row))
    return place
