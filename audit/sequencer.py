"""Gives every entry its place: a gapless `seq` per organization, right after commit.

Ids are handed out before commit, so a reader that remembers the last id loses entries that commit late. The
sequencer numbers only what is committed; whoever reads the record pages by `seq` and misses nothing.
"""

from uuid import UUID

from django.db import connection

_BATCH = 5000


def run(batch: int = _BATCH) -> int:
    """Give each committed entry that waits its number, and return how many there were.

    It may run twice, late or in parallel: one sequencer at a time locks an organization's head row. Each batch is a transaction of its
    own, so a sequencer that is killed leaves its batch to the next one.
    """
    total = 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_waiting()")
        for (organization_id,) in cursor.fetchall():
            total += run_for(organization_id, batch)
    return total


def run_for(organization_id: UUID, batch: int = _BATCH) -> int:
    """Do the same for one organization alone."""
    total, numbered = 0, batch
    with connection.cursor() as cursor:
        while numbered == batch:
            cursor.execute("SELECT audit_sequence(%s, %s)", [organization_id, batch])
            numbered = cursor.fetchone()[0]
            total += numbered
    return total


def lag_seconds() -> float:
    """Return for how many seconds the oldest entry has waited for its place; 0.0 when none waits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_lag_seconds()")
        return float(cursor.fetchone()[0])
