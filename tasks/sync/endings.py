"""How a run passes from one state to the next, how it ends, and who is told."""

import random
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import alarms, moves, sync_runs
from identity.models import Pull, Run, Step
from tasks.connectors.faults import Fault, RateLimited, Unreachable
from tasks.sync import budget, staging
from tasks.sync.budget import DaySpent

State = Run.State
_BACK_OFF_FIRST: Final = timedelta(seconds=30)
_BACK_OFF_MAX: Final = timedelta(hours=1)
_WAIT_SECONDS_MAX: Final = 6 * 3600.0
# Whom it would be no use to read again for: their reason does not pass by itself.
_SETTLED: Final = ("moved_away", "offboarded", "older_news", "tombstoned")


def actor_of(run: Run) -> Actor:
    """Return the directory, as the record names who does what follows from a run."""
    return Actor("directory", str(run.directory_id), run.directory.name)


def after_plan(run: Run) -> None:
    """Pass a planned run on: to its end (dry run, nothing to do), to applying, or to a person. The caller holds the claim."""
    run.phase_at = timezone.now()
    steps = Step.objects.filter(organization=run.organization_id, run=run)
    if run.dry_run:
        _end(run, State.PREVIEWED)
    elif steps.filter(state=Step.State.WAITING).exists() or not run.held_for:
        # Also with nothing to do: the last batch of none settles what is known.
        run.state = State.APPLYING
    else:
        hold(run)
    _save(run)


def hold(run: Run) -> None:
    """Let the run wait for a person, in the place of an older one that waits; administrators are told of a plan that is new."""
    older = _older_held(run)
    is_known = older.filter(plan_hash=run.plan_hash).exists()
    told = [address for addresses in older.values_list("told", flat=True) for address in addresses]
    _supersede(older)
    run.state, run.lease, run.lease_until = State.HELD, None, None
    run.expires_at = timezone.now() + timedelta(hours=sync_runs.APPROVAL_HOURS)
    if is_known:
        run.told = told
        return
    run.told = _tell(
        run, f"{run.directory.name}: a run waits for you",
        [reason["sentence"] for reason in run.held_for],
        "Nobody is suspended by it, and nothing that is held happens, until an administrator approves this very plan. "
        f"It can be approved for {sync_runs.APPROVAL_HOURS} hours; the next run makes a new one.",
    )  # fmt: skip
    record(
        Event.SYNC_HOLD,
        organization_id=run.organization_id,
        actor=actor_of(run),
        subject=sync_runs.subject_of(run),
        data={"run": str(run.pk), "plan_hash": run.plan_hash, "held_for": run.held_for, "counts": run.counts},
    )


def _older_held(run: Run) -> QuerySet[Run]:
    return Run.objects.filter(
        organization=run.organization_id, directory=run.directory_id, state=State.HELD
    ).exclude(pk=run.pk)


def _supersede(older: QuerySet[Run]) -> None:
    for superseded in older.values_list("pk", flat=True):
        staging.clear(superseded)
    older.update(state=State.SUPERSEDED, ended_at=timezone.now())


def after_apply(run: Run) -> None:
    """End a run whose waiting steps are done, or let it wait for a person for the held rest. The caller holds the claim."""
    held = Step.objects.filter(organization=run.organization_id, run=run, state=Step.State.HELD)
    if run.approved_at is None and held.exists():
        hold(run)
        _save(run)
        return
    # What an older reading would have done is settled by this one, also where this one found nothing to do.
    _supersede(_older_held(run))
    _end(run, State.DONE)
    skipped = Step.objects.filter(organization=run.organization_id, run=run, state=Step.State.SKIPPED)
    values: dict[str, Any] = {"scope": run.scope, "failures": 0, "succeeded_at": run.ended_at}
    if not run.lacks:
        # Changes that could not be carried out would not be told again: then everything is read anew.
        # Nor would it tell of whom it was given meanwhile.
        is_behind = skipped.exclude(reason__in=_SETTLED).exists() or moves.has_come(
            run.directory, run.created_at
        )
        values["cookie"] = None if is_behind else run.next_cookie
    Pull.objects.filter(organization=run.organization_id, directory=run.directory_id).update(**values)
    if run.applied:
        record(
            Event.SYNC_RUN,
            organization_id=run.organization_id,
            actor=actor_of(run),
            subject=sync_runs.subject_of(run),
            data={"run": str(run.pk), "counts": run.counts, "applied": run.applied, "skipped": run.skipped},
        )
    _save(run)


def put_off(run: Run, fault: Fault) -> bool:
    """Let the run go on after a while, if that may help; False: it is over. The caller holds the claim."""
    if isinstance(fault, DaySpent):
        _postpone(run, fault)
        return True
    if not isinstance(fault, Unreachable | RateLimited) or run.attempts >= budget.ATTEMPTS_MAX:
        return False
    wait = min(_BACK_OFF_FIRST * 2**run.attempts, _BACK_OFF_MAX)
    # Directories of one cause (a network that was down) must not come back all at once.
    seconds = wait.total_seconds() * (0.5 + random.random())  # noqa: S311 - it spreads load, it guards nothing
    if isinstance(fault, RateLimited):
        # Its word is taken; given again and again, with nothing in between, it is worth no more than silence.
        soon = seconds if run.attempts else seconds / 10
        seconds = max(soon, min(fault.retry_after_seconds, _WAIT_SECONDS_MAX))
    run.attempts += 1
    run.fault, run.fault_sentence = fault.code, fault.message
    run.due_at, run.lease, run.lease_until = timezone.now() + timedelta(seconds=seconds), None, None
    run.save(update_fields=["attempts", "fault", "fault_sentence", "due_at", "lease", "lease_until"])
    return True


def _postpone(run: Run, fault: DaySpent) -> None:
    """Let the run wait for more time; recorded, and told to administrators, once and not each time somebody looks."""
    if run.fault != fault.code:
        run.told = _tell(
            run, f"{run.directory.name}: its time for today is used up", [fault.message],
            "Other directories go on. Nobody is suspended because of this; what was applied stays.",
        )  # fmt: skip
        record(
            Event.SYNC_POSTPONE,
            organization_id=run.organization_id,
            actor=actor_of(run),
            subject=sync_runs.subject_of(run),
            data={"run": str(run.pk), "sentence": fault.message, "worked_seconds": round(run.worked_seconds)},
        )
    run.fault, run.fault_sentence = fault.code, fault.message
    run.due_at, run.lease, run.lease_until = budget.goes_on_at(), None, None
    run.save(update_fields=["fault", "fault_sentence", "due_at", "lease", "lease_until", "told"])


def stop(run: Run, fault: Fault) -> None:
    """Cancel a run in the directory's own name, with the reason. The caller holds the claim."""
    run.fault, run.fault_sentence = fault.code, fault.message
    run.save(update_fields=["fault", "fault_sentence"])
    sync_runs.cancel(run, actor=actor_of(run))


def fail(run: Run, code: str, sentence: str) -> None:
    """End a run that could not read its directory: nothing follows from it. The next one comes later each time it happens."""
    run.fault, run.fault_sentence = code, sentence
    _end(run, State.FAILED)
    pull = Pull.objects.select_for_update().get(organization=run.organization_id, directory=run.directory_id)
    pull.failures += 1
    if pull.paused_at is None:
        backed_off = timedelta(minutes=pull.every_minutes) * 2 ** min(pull.failures - 1, 6)
        pull.due_at = timezone.now() + min(
            backed_off, max(timedelta(days=1), timedelta(minutes=pull.every_minutes))
        )
    pull.save(update_fields=["failures", "due_at"])
    if pull.failures == 1:
        run.told = _tell(
            run, f"{run.directory.name}: it could not be read", [sentence],
            "Nobody was created, changed or suspended because of this. It is tried again, more seldom each time.",
        )  # fmt: skip
    record(
        Event.SYNC_FAIL,
        organization_id=run.organization_id,
        actor=actor_of(run),
        subject=sync_runs.subject_of(run),
        data={"run": str(run.pk), "fault": code, "sentence": sentence},
        outcome="refused",
        reason=code,
    )
    _save(run)


def _end(run: Run, state: State) -> None:
    run.state, run.ended_at, run.lease, run.lease_until = state, timezone.now(), None, None
    staging.clear(run.pk)


def _save(run: Run) -> None:
    run.save(
        update_fields=[
            "state", "ended_at", "lease", "lease_until", "phase_at", "expires_at", "told", "plan_hash", "held_for", "planned", "skipped",
            "applied", "counts", "fault", "fault_sentence",
        ]
    )  # fmt: skip


def _tell(run: Run, subject: str, sentences: list[str], close: str) -> list[str]:
    """Write to administrators, in the transaction; returns the addresses of the organization's own."""
    lines = "\n".join(f"- {sentence}" for sentence in sentences)
    counted = ", ".join(
        f"{number} {action}" for action, number in run.counts.items() if isinstance(number, int)
    )
    body = f"{subject}.\n\n{lines}\n\nThe plan: {counted or 'nothing'}.\n{close}\n\n{settings.ROLLCALL_PUBLIC_URL}\n"
    return alarms.tell_administrators(
        run.organization_id, kind="sync_run", about=run.pk, subject=subject, body=body
    )
