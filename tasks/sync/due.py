"""Steps whose turn has come: taken in the order of the plan, and marked when they are done. Without the ORM's objects: there are many."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from identity.models import Run

_NEXT: Final = """
SELECT number, action, external_id, label, member_id, group_id, version, reason FROM identity_step
 WHERE organization_id = %(organization)s AND run_id = %(run)s AND state IN ('waiting', 'held')
   AND (state = 'waiting' OR %(approved)s)
 ORDER BY place, number LIMIT %(most)s OFFSET %(skip)s
"""
_DONE: Final = """
UPDATE identity_step step SET state = 'applied', member_id = row.member_id
  FROM unnest(%(numbers)s::bigint[], %(members)s::uuid[]) AS row (number, member_id)
 WHERE step.organization_id = %(organization)s AND step.run_id = %(run)s AND step.number = row.number
"""
_LEFT: Final = """
UPDATE identity_step SET state = 'skipped', reason = %(reason)s
 WHERE organization_id = %(organization)s AND run_id = %(run)s AND number = ANY (%(numbers)s)
"""


@dataclass(slots=True)
class Due:
    """A step to be done (identity.models.Step); what comes of it is written into it: who was created, of which version."""

    number: int
    action: str
    external_id: str
    label: str
    member_id: UUID | None
    group_id: UUID | None
    version: int | None
    reason: str


def following(run: Run, most: int, *, skip: int = 0) -> list[Due]:
    """Return the next steps of one action, so many at most, behind the first `skip`. An approval lets go on what was held."""
    values: dict[str, Any] = {
        "organization": run.organization_id, "run": run.pk, "approved": run.approved_at is not None, "most": most, "skip": skip,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, values)
        found = [Due(*row) for row in cursor.fetchall()]
    return [step for step in found if step.action == found[0].action]


def done(run: Run, steps: Sequence[Due]) -> None:
    """Mark the steps as applied, with whom they came to, and count them."""
    if steps:
        values: dict[str, Any] = {
            "organization": run.organization_id, "run": run.pk, "numbers": [step.number for step in steps],
            "members": [step.member_id for step in steps],
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_DONE, values)
            run.applied += cursor.rowcount


def left(run: Run, steps: Sequence[Due], reason: str) -> None:
    """Mark the steps as skipped for that reason, and count them."""
    if steps:
        values: dict[str, Any] = {
            "organization": run.organization_id, "run": run.pk, "numbers": [step.number for step in steps], "reason": reason,
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_LEFT, values)
            run.skipped += cursor.rowcount
