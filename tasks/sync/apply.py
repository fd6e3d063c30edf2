"""The third phase: each step by its verb, in small transactions. A step that is done is marked in the same one, so none is done twice."""

import time
from collections.abc import Sequence
from typing import Final

from django.db import connection

from identity import tenancy
from identity.errors import Refusal
from identity.models import Run, Step
from tasks.sync import endings, group_steps, known, person_steps
from tasks.sync.claim import Claim

BATCH: Final = 500
CHANGED_SINCE: Final = "changed_since"
_NAME: Final = """
UPDATE identity_step step SET member_id = row.member_id FROM unnest(%s::bigint[], %s::uuid[]) AS row (number, member_id)
 WHERE step.organization_id = %s AND step.run_id = %s AND step.number = row.number
"""


def apply(claim: Claim, *, until: float) -> bool:
    """Do what waits; tells whether nothing is left. `until` is a reading of the monotonic clock. Raises LostClaim."""
    while time.monotonic() < until:
        with claim.hold() as run:
            steps = _next(run)
            if not steps:
                known.settle(run)
                endings.after_apply(run)
                return True
            _do(run, steps)
            run.save(update_fields=["applied", "skipped"])
    return False


def _next(run: Run) -> list[Step]:
    """Return the next steps of one action, in the order of the plan."""
    waiting = Step.objects.filter(organization=run.organization_id, run=run, state=Step.State.WAITING)
    found = list(waiting.order_by("place", "number")[:BATCH])
    return [step for step in found if step.action == found[0].action]


def _do(run: Run, steps: Sequence[Step]) -> None:
    """Do the steps in one go; where one of them is refused, in halves, until the refusal is of that one alone."""
    action = steps[0].action
    try:
        with tenancy.change(run.organization_id):
            if action in person_steps.ACTIONS:
                done = person_steps.ACTIONS[action](run, steps, endings.actor_of(run))
            else:
                done = group_steps.ACTIONS[action](run, steps, endings.actor_of(run))
    except Refusal as refusal:
        if len(steps) == 1:
            _mark(run, steps, Step.State.SKIPPED, refusal.code)
            return
        half = len(steps) // 2
        _do(run, steps[:half])
        _do(run, steps[half:])
        return
    _mark(run, done, Step.State.APPLIED)
    if action in person_steps.ACTIONS:
        numbers = {step.number for step in done}
        changed = [step for step in steps if step.number not in numbers]
        _mark(run, changed, Step.State.SKIPPED, CHANGED_SINCE)


def _mark(run: Run, steps: Sequence[Step], state: Step.State, reason: str = "") -> None:
    if not steps:
        return
    rows = Step.objects.filter(
        organization=run.organization_id, run=run, number__in=[step.number for step in steps]
    )
    if state == Step.State.APPLIED:
        run.applied += rows.update(state=state)
        _name_members(run, [step for step in steps if step.action in {"create", "link"}])
    else:
        run.skipped += rows.update(state=state, reason=reason)


def _name_members(run: Run, steps: Sequence[Step]) -> None:
    """Write into the steps who came of them."""
    if steps:
        with connection.cursor() as cursor:
            cursor.execute(
                _NAME, [[step.number for step in steps], [step.member_id for step in steps], run.organization_id, run.pk],
            )  # fmt: skip
