"""A worker's turn at a run: from wherever the last one left it, for a while."""

import time
from typing import Final
from uuid import UUID

import structlog

from audit import context
from identity import tenancy
from identity.errors import Refusal
from identity.models import Run
from identity.secrets import UnsealError
from tasks.celery import app
from tasks.connectors.faults import Fault, ResyncNeeded
from tasks.sync import apply, claim, endings, fetch, plan, staging
from tasks.sync.claim import Claim, LostClaim, SwitchedOff

# After so long a worker lets others have a turn, wherever the directory can be read on from a checkpoint.
TURN_SECONDS: Final = 60.0
# A directory that can only be read in one go gets so long; the row's lease keeps a second worker away.
_HOURS_MAX: Final = 12

log = structlog.get_logger("rollcall.sync")


@app.task(name="tasks.sync.work", time_limit=_HOURS_MAX * 3600, soft_time_limit=_HOURS_MAX * 3600 - 60)
def work(organization: str, run: str) -> bool:
    """Go on with a run; tells whether there is more to do. Another worker's run is left alone."""
    more = turn(UUID(organization), UUID(run), seconds=TURN_SECONDS)
    if more:
        work.apply_async((organization, run), retry=False)
    return more


def turn(organization_id: UUID, run_id: UUID, *, seconds: float) -> bool:
    """Take the run, if it is free, and go on with it for about so many seconds; tells whether it can be gone on with at once."""
    mine = claim.take(organization_id, run_id)
    if mine is None:
        return False
    with context.bind(source="sync", request_id=str(run_id)):
        try:
            over = _go_on(mine, time.monotonic() + seconds)
        except LostClaim:
            log.info("run_lost", run=str(run_id))
            return False
        except Fault as fault:
            return _stop(mine, fault)
        except (Refusal, UnsealError) as error:
            _fail(mine, getattr(error, "code", "unseal"), str(error))
            return False
    if not over:
        mine.release()
    return not over


def _go_on(mine: Claim, until: float) -> bool:
    mine.allow()
    until = mine.until(until)
    state = _state(mine)
    if state in {Run.State.WAITING, Run.State.FETCHING}:
        if not fetch.fetch(mine, until=until):
            return False
        state = Run.State.PLANNING
    if state == Run.State.PLANNING:
        plan.plan(mine)
        state = _state_after(mine)
    return state != Run.State.APPLYING or apply.apply(mine, until=max(until, time.monotonic() + 1))


def _state(mine: Claim) -> str:
    with mine.hold() as run:
        return run.state


def _state_after(mine: Claim) -> str:
    with tenancy.of(mine.organization_id):
        return Run.objects.values_list("state", flat=True).get(pk=mine.run_id)


def _stop(mine: Claim, fault: Fault) -> bool:
    """Read everything anew, wait for a while, or give up, as the fault asks."""
    log.warning("run_fault", run=str(mine.run_id), fault=fault.code)
    try:
        with mine.hold() as run:
            if isinstance(fault, ResyncNeeded) and (run.cookie or (run.checkpoint and not run.reread)):
                staging.clear(run.pk)
                run.directory.pulls.filter(organization=run.organization_id).update(cookie=None)
                # A directory that forgets its pages faster than they are read would have them read from the first one for ever.
                run.reread = run.reread or not run.cookie
                run.checkpoint, run.lease, run.lease_until = None, None, None
                run.save(update_fields=["reread", "checkpoint", "lease", "lease_until"])
                return True
            if isinstance(fault, SwitchedOff):
                endings.stop(run, fault)
            elif not endings.put_off(run, fault):
                endings.fail(run, fault.code, fault.message)
    except LostClaim:
        log.info("run_lost", run=str(mine.run_id))
    return False


def _fail(mine: Claim, code: str, sentence: str) -> None:
    with mine.hold() as run:
        endings.fail(run, code, sentence)
