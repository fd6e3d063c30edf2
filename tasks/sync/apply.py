"""The third phase: each step by its verb, in small transactions. A step that is done is marked in the same one, so none is done twice."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Final

from identity import rows, tenancy
from identity.errors import Refusal
from identity.models import Run
from tasks.sync import due, endings, group_steps, knots, known, person_steps
from tasks.sync.claim import Claim
from tasks.sync.due import Due
from tasks.sync.newcomers import Newcomers, Worked

BATCH: Final = 1000
CHANGED_SINCE: Final = "changed_since"


def apply(claim: Claim, *, until: float) -> bool:
    """Do what waits; tells whether nothing is left. `until` is a reading of the monotonic clock. Raises LostClaim."""
    with ThreadPoolExecutor(1, thread_name_prefix="newcomers") as thread:
        newcomers = Newcomers(thread)
        while time.monotonic() < until:
            with claim.go_on() as run:
                steps = due.following(run, BATCH)
                if not steps:
                    known.settle(run)
                    endings.after_apply(run)
                    return True
                worked = newcomers.take(steps)
                newcomers.expect(run, due.following(run, BATCH, skip=len(steps)), endings.actor_of(run))
                _do(run, steps, worked)
                run.attempts = 0
                rows.update(run, "applied", "skipped", "attempts")
    return False


def _do(run: Run, steps: Sequence[Due], worked: Future[Worked] | None = None) -> None:
    """Do the steps in one go; where one of them is refused, in halves, until the refusal is of that one alone.

    Whoever exchanges names stays in one half for as long as there is anybody else.
    """
    action = steps[0].action
    actor = endings.actor_of(run)
    try:
        with tenancy.change(run.organization_id):
            if worked is not None:
                done = person_steps.create_from(run, steps, actor, *worked.result())
            elif action in person_steps.ACTIONS:
                done = person_steps.ACTIONS[action](run, steps, actor)
            else:
                done = group_steps.ACTIONS[action](run, steps, actor)
    except Refusal as refusal:
        if len(steps) == 1:
            due.left(run, steps, refusal.code)
            return
        tied = knots.of(run, steps)
        if len(tied) == 1:
            tied = [[step] for step in steps]
        half = len(tied) // 2
        _do(run, list(chain.from_iterable(tied[:half])))
        _do(run, list(chain.from_iterable(tied[half:])))
        return
    due.done(run, done)
    if action in person_steps.ACTIONS:
        numbers = {step.number for step in done}
        due.left(run, [step for step in steps if step.number not in numbers], CHANGED_SINCE)
