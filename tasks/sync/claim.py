"""A worker's claim on a run: a lease that outlives no dead worker, and a fence in front of each of its transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db.models import Q
from django.utils import timezone

from identity import sync_runs, tenancy
from identity.models import Run

# Longer than a connector may be silent between two pages (docs/connectors.md). A worker that was killed is replaced after this time.
LEASE: Final = timedelta(seconds=120)


class LostClaim(Exception):
    """The run is no longer ours: it was cancelled, or another worker took it over because we were silent for too long."""


class Claim:
    """A run that this worker has. Every change to it happens in `hold()`."""

    def __init__(self, organization_id: UUID, run_id: UUID, key: UUID) -> None:
        self.organization_id = organization_id
        self.run_id = run_id
        self._key = key

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
            run.save(update_fields=["lease_until"])
            yield run

    def release(self, **values: Any) -> None:
        """Give the run back to the queue, with other values of its columns; nothing if it is no longer ours."""
        with tenancy.of(self.organization_id):
            Run.objects.filter(organization=self.organization_id, pk=self.run_id, lease=self._key).update(
                lease=None, lease_until=None, **values
            )


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
        ).update(lease=key, lease_until=now + LEASE)
    return Claim(organization_id, run_id, key) if taken else None


def waiting(limit: int) -> list[tuple[UUID, UUID]]:
    """Return (organization, run) of the runs that wait for a worker, the longest waiting first."""
    now = timezone.now()
    with tenancy.everywhere("runs of directories that wait for a worker"):
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        rows = Run.objects.filter(free, state__in=Run.OPEN, due_at__lte=now).order_by("due_at")
        return list(rows.values_list("organization_id", "pk")[:limit])
