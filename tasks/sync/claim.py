"""A worker's claim on a run: a lease that outlives no dead worker, and a fence in front of each of its transactions."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db.models import Case, F, Q, When
from django.utils import timezone

from identity import rows, sync_runs, tenancy
from identity.models import Run
from tasks.connectors.faults import Fault
from tasks.sync import budget

# Longer than a connector may be silent between two pages (docs/connectors.md). A worker that was killed is replaced after this time.
LEASE: Final = timedelta(seconds=120)


class LostClaim(Exception):
    """The run is no longer ours: it was cancelled, or another worker took it over because we were silent for too long."""


class SwitchedOff(Fault):
    """Somebody switched the directory off: nothing more is read of it, and nothing more follows from it."""

    code = "switched_off"


class Claim:
    """A run that this worker has. Every change to it happens in `hold()`."""

    def __init__(self, organization_id: UUID, run_id: UUID, key: UUID) -> None:
        self.organization_id = organization_id
        self.run_id = run_id
        self._key = key
        self._noted_at = time.monotonic()
        self._ends_at = float("inf")

    def allow(self) -> None:
        """Read how much time is left for the run; `check` holds it to that. Raises Fault where none is."""
        with self.hold() as run:
            left = budget.of(run)
            fault = budget.fault_of(run, left)
            if fault is None and run.fault:
                # What the last turn met is over: it goes on.
                run.fault = run.fault_sentence = ""
                run.save(update_fields=["fault", "fault_sentence"])
        self._ends_at = time.monotonic() + left.left
        if fault is not None:
            raise fault

    def check(self) -> None:
        """Raise Fault where the time that the run had is over."""
        if time.monotonic() >= self._ends_at:
            self.allow()

    def until(self, wanted: float) -> float:
        """Return the end of a worker's turn, a reading of the monotonic clock: `wanted`, or earlier where the time is over before."""
        return min(wanted, self._ends_at)

    @contextmanager
    def hold(self) -> Iterator[Run]:
        """Open a transaction with the run's row locked and the lease extended. Raises LostClaim.

        The lock keeps everybody else away for as long as the transaction lasts, however long that is.
        """
        with tenancy.of(self.organization_id):
            run = sync_runs.lock(Run(pk=self.run_id))
            if run.lease != self._key or not run.is_open:
                raise LostClaim
            run.lease_until = timezone.now() + LEASE
            budget.note(run, self._elapsed())
            rows.update(run, "lease_until", *budget.COLUMNS)
            yield run

    @contextmanager
    def go_on(self) -> Iterator[Run]:
        """`hold`, for what brings the run further: raises SwitchedOff as soon as its directory is."""
        with self.hold() as run:
            if not run.directory.active:
                raise SwitchedOff("The directory was switched off: the rest of the run does not happen.")
            yield run

    def release(self) -> None:
        """Give the run back to the queue; nothing if it is no longer ours."""
        with suppress(LostClaim), self.hold() as run:
            run.lease = run.lease_until = None
            run.save(update_fields=["lease", "lease_until"])

    def _elapsed(self) -> float:
        before, self._noted_at = self._noted_at, time.monotonic()
        return self._noted_at - before


def take(organization_id: UUID, run_id: UUID) -> Claim | None:
    """Take the run if it is due and nobody has it."""
    now = timezone.now()
    key = uuid4()
    with tenancy.of(organization_id):
        taken = Run.objects.filter(
            Q(lease_until__isnull=True) | Q(lease_until__lt=now),
            organization=organization_id,
            pk=run_id,
            state__in=Run.OPEN,
            due_at__lte=now,
        ).update(
            # Whose lease ran out died over it.
            attempts=F("attempts") + Case(When(lease__isnull=False, then=1), default=0),
            lease=key,
            lease_until=now + LEASE,
        )
    return Claim(organization_id, run_id, key) if taken else None


def waiting(limit: int) -> list[tuple[UUID, UUID]]:
    """Return (organization, run) of the runs that wait for a worker, the longest waiting first."""
    now = timezone.now()
    with tenancy.everywhere("runs of directories that wait for a worker"):
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        found = Run.objects.filter(free, state__in=Run.OPEN, due_at__lte=now).order_by("due_at")
        return list(found.values_list("organization_id", "pk")[:limit])
