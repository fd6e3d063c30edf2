"""Verbs on the runs of a pulled directory: ask for one, approve its plan, cancel it. The row is the queue; workers are tasks/sync."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import directories, pull_settings, pulls, sync_wake, tenancy
from identity.errors import Conflict, Forbidden, constraint_of
from identity.models import Directory, Pull, Run

State = Run.State
# How long a plan may wait for its approval: it approves what the directory said, and that grows old.
APPROVAL_HOURS: Final = 24
_NOBODY: Final = frozenset({"job", "directory", "connection", "anonymous", ""})


def ask(directory: Directory, *, actor: Actor, dry_run: bool = False) -> Run:
    """Have the directory read now; `dry_run` only plans.

    Raises Conflict while a run is on its way, NotFound for a directory that pushes.
    """
    pull = pulls.of(directory)
    with tenancy.change(directory.organization_id):
        run = begin(pull, actor=actor, dry_run=dry_run)
        if not dry_run:
            # The next one by itself comes after the usual time.
            following = timezone.now() + timedelta(minutes=pull.every_minutes)
            Pull.objects.filter(pk=pull.pk, due_at__isnull=False).update(due_at=following)
        record(
            Event.SYNC_ASK,
            organization_id=directory.organization_id,
            actor=actor,
            subject=directories.subject_of(directory),
            data={"run": str(run.pk), "dry_run": dry_run},
        )
        sync_wake.after_commit(directory.organization_id, directory.pk)
    return run


def begin(pull: Pull, *, actor: Actor, dry_run: bool = False) -> Run:
    """Put a run into the queue, in the caller's transaction. Raises Conflict while another is on its way."""
    now = timezone.now()
    run = Run(
        organization_id=pull.organization_id, directory_id=pull.directory_id, dry_run=dry_run, created_at=now, due_at=now,
        asked_by={"kind": actor.kind, "id": actor.id, "label": actor.label}, cookie=pull.cookie,
    )  # fmt: skip
    try:
        with tenancy.change(pull.organization_id):
            run.save(force_insert=True)
    except IntegrityError as error:
        if constraint_of(error) != "run_open_once":
            raise
        raise Conflict("A run of this directory is on its way: wait for it, or cancel it.") from error
    return run


def start_due(organization_id: UUID, pull_id: UUID, *, actor: Actor) -> Run | None:
    """Put the scheduled run of a directory into the queue if it is still due; nothing while another is on its way."""
    with tenancy.of(organization_id):
        due = Pull.objects.filter(
            pk=pull_id, due_at__lte=timezone.now(), paused_at__isnull=True, directory__active=True
        )
        # Not the file of a CSV directory, which may be 64 MB.
        pull = due.select_related("directory").defer("file", "credentials").first()
        if pull is None:
            return None
        following = timezone.now() + timedelta(minutes=pull.every_minutes)
        # The run before how its directory is pulled, as whoever asks and whoever works take them: none waits for the other for ever.
        try:
            run = begin(pull, actor=actor)
        except Conflict:
            run = None
        if not due.update(due_at=following) and run is not None:
            # Paused at this moment, or begun by another and over already.
            run.delete()
            run = None
    return run


def approve(run: Run, plan_hash: str, *, actor: Actor) -> Run:
    """Let a held run apply exactly the plan with this hash: once, by a named person, within 24 hours of the plan.

    Raises Forbidden for whoever is no person, Conflict where the run is not held, its time is over, or its plan is another one.
    """
    if actor.kind in _NOBODY:
        raise Forbidden("A plan is approved by a person.")
    with tenancy.change(run.organization_id):
        locked = lock(run)
        _check_approvable(locked, plan_hash)
        now = timezone.now()
        locked.approved_by = {"kind": actor.kind, "id": actor.id, "label": actor.label}
        locked.approved_at = locked.due_at = locked.phase_at = now
        locked.state = State.APPLYING
        locked.attempts = 0
        locked.expires_at = None
        try:
            with tenancy.change(run.organization_id):
                locked.save(
                    update_fields=[
                        "approved_by", "approved_at", "due_at", "phase_at", "state", "attempts", "expires_at",
                    ]
                )  # fmt: skip
        except IntegrityError as error:
            raise Conflict("A newer run of this directory is on its way: wait for its plan.") from error
        record(
            Event.SYNC_APPROVE,
            organization_id=locked.organization_id,
            actor=actor,
            subject=subject_of(locked),
            data={"run": str(locked.pk), "plan_hash": plan_hash, "counts": locked.counts},
        )
        sync_wake.after_commit(locked.organization_id, locked.directory_id)
    return locked


def cancel(run: Run, *, actor: Actor) -> Run:
    """End a run that is on its way or held: what it has applied stays, the rest does not happen. Raises Conflict for one that is over."""
    with tenancy.change(run.organization_id):
        locked = lock(run)
        if locked.state == State.CANCELLED:
            return locked
        if not locked.is_open and locked.state != State.HELD:
            raise Conflict(f"This run is over: {locked.state}.")
        locked.state, locked.ended_at, locked.lease = State.CANCELLED, timezone.now(), None
        locked.save(update_fields=["state", "ended_at", "lease"])
        record(
            Event.SYNC_CANCEL,
            organization_id=locked.organization_id,
            actor=actor,
            subject=subject_of(locked),
            data={"run": str(locked.pk), "applied": locked.applied, "of": locked.planned},
        )
        sync_wake.after_commit(locked.organization_id, locked.directory_id)
    return locked


def expire(run: Run, *, actor: Actor) -> bool:
    """Close a held run on which nobody decided in time; tells whether it did."""
    with tenancy.change(run.organization_id):
        locked = lock(run)
        if locked.state != State.HELD or locked.expires_at is None or locked.expires_at > timezone.now():
            return False
        locked.state, locked.ended_at = State.EXPIRED, timezone.now()
        locked.save(update_fields=["state", "ended_at"])
        record(
            Event.SYNC_EXPIRE,
            organization_id=locked.organization_id,
            actor=actor,
            subject=subject_of(locked),
            data={"run": str(locked.pk), "held_for": locked.held_for},
        )
    return True


def progress(run: Run) -> dict[str, float | None]:
    """Return how far the run is in its phase: done, of (None while unknown), per_second, seconds_left."""
    applying = run.state in {State.APPLYING, State.DONE, State.HELD, State.CANCELLED}
    skipped_by_plan = sum(run.counts.get("skipped", {}).values())
    done = run.applied + run.skipped - skipped_by_plan if applying else run.staged
    of = run.planned if applying else None
    ended = run.ended_at or timezone.now()
    seconds = (ended - run.phase_at).total_seconds() if run.phase_at else 0.0
    rate = round(done / seconds, 1) if seconds > 0 and done else None
    left = round((of - done) / rate) if of is not None and rate and run.is_open else None
    return {"done": done, "of": of, "per_second": rate, "seconds_left": left}


def lock(run: Run) -> Run:
    """Lock the run's row for the transaction and return it with its directory; the tenancy must be set."""
    return Run.objects.select_for_update(of=("self",)).select_related("directory").get(pk=run.pk)


def subject_of(run: Run) -> Subject:
    """Return the run's directory as the record names it."""
    return directories.subject_of(run.directory)


def _check_approvable(run: Run, plan_hash: str) -> None:
    if run.state == State.SUPERSEDED:
        raise Conflict(
            "The directory was read again since: look at the newer run, and approve its plan if it waits for you."
        )
    if run.state != State.HELD:
        raise Conflict(f"This run is not held: {run.state}.")
    if run.expires_at is not None and run.expires_at <= timezone.now():
        raise Conflict(f"This plan is older than {APPROVAL_HOURS} hours: have the directory read again.")
    if run.directory.active is False:
        raise Conflict("The directory is switched off: switch it on, and have it read again.")
    if run.scope != pull_settings.scope_of(run.directory):
        raise Conflict(
            "The settings that decide who is read have changed since this plan was made: have the directory read again."
        )
    if run.plan_hash != plan_hash:
        raise Conflict("The plan is another one than you approve: read it again.")
