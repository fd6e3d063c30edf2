"""A worker writes a bundle: it takes the row, reads a snapshot, and puts the archive into the database piece by piece.

A killed worker leaves its row with a lease that runs out; the next one begins anew, since a snapshot cannot be gone on with.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

import structlog
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from audit import context
from audit.json_text import instant
from audit.record import Actor
from identity import bundle_archive, bundle_snapshot, bundles, secrets, tenancy
from identity.bundle_archive import Sink
from identity.errors import NotFound
from identity.models import Bundle, BundleChunk
from identity.secrets import UnsealError
from tasks.celery import app

# A worker says that it is alive with every piece and every few thousand rows; one that is silent for so long is replaced.
LEASE: Final = timedelta(seconds=120)
ATTEMPTS_MAX: Final = 5
# What the database shall hold of one archive. A larger one is written to a disk, by the command.
SIZE_MAX: Final = 8 * 1024**3
_HOURS_MAX: Final = 12
ACTOR: Final = Actor("job", "bundles", "bundle writer")

log = structlog.get_logger("rollcall.bundles")


class LostClaim(Exception):
    """The bundle is no longer ours: it was discarded, or another worker took it because we were silent for too long."""


class TooLarge(Exception):
    """The archive is larger than SIZE_MAX."""


class Claim:
    """A bundle that this worker has, and the place that its archive goes to."""

    def __init__(self, bundle: Bundle, key: UUID) -> None:
        self.bundle = bundle
        self._key = key
        self._number = 0

    def tell(self, file: str, rows: int) -> None:
        """Say that we are alive, and how far. Raises LostClaim."""
        with tenancy.of(self.bundle.organization_id):
            self._extend(file=file, rows=rows)

    def take(self, piece: bytes) -> None:
        """Keep the next piece of the archive. Raises LostClaim, TooLarge."""
        if self._number * len(piece) > SIZE_MAX:
            raise TooLarge
        organization_id, number = self.bundle.organization_id, self._number
        sealed = secrets.seal(organization_id, bundles.place_of(self.bundle, number), piece)
        with tenancy.of(organization_id):
            self._extend()
            BundleChunk(
                organization_id=organization_id, bundle=self.bundle, number=number, content=sealed
            ).save(force_insert=True)
        self._number += 1

    def hold(self) -> Bundle:
        """Lock the row and return it; the tenancy must be set. Raises LostClaim."""
        try:
            locked = bundles.lock(self.bundle)
        except NotFound as error:
            raise LostClaim from error
        if locked.lease != self._key or locked.state != Bundle.State.WRITING:
            raise LostClaim
        return locked

    def _extend(self, **values: object) -> None:
        if not self._mine().update(lease_until=timezone.now() + LEASE, **values):
            raise LostClaim

    def _mine(self) -> QuerySet[Bundle]:
        return Bundle.objects.filter(
            organization=self.bundle.organization_id,
            pk=self.bundle.pk,
            lease=self._key,
            state=Bundle.State.WRITING,
        )


@app.task(name="tasks.bundles.write", time_limit=_HOURS_MAX * 3600, soft_time_limit=_HOURS_MAX * 3600 - 60)
def write(organization: str, bundle: str) -> bool:
    """Write a bundle that waits; tells whether it is ready. Another worker's is left alone."""
    mine = claim(UUID(organization), UUID(bundle))
    if mine is None:
        return False
    with context.bind(request_id=bundle):
        try:
            return _write(mine)
        except LostClaim:
            log.info("bundle_lost", bundle=bundle)
        except TooLarge:
            gigabytes = SIZE_MAX // 1024**3
            _fail(
                mine,
                f"The archive is larger than {gigabytes} GiB: have an operator write it by `manage.py rollcall bundle`.",
            )
        except UnsealError as error:
            _fail(mine, str(error))
    return False


def waiting(limit: int) -> list[tuple[UUID, UUID]]:
    """Return (organization, bundle) of those that wait for a worker, the longest waiting first."""
    with tenancy.everywhere("bundles that wait for a worker"):
        rows = Bundle.objects.filter(_free(), state=Bundle.State.WRITING).order_by("asked_at")
        return list(rows.values_list("organization_id", "pk")[:limit])


def claim(organization_id: UUID, bundle_id: UUID) -> Claim | None:
    """Take the bundle if nobody has it, and throw away what another worker left; after five workers give it up."""
    now, key = timezone.now(), uuid4()
    with tenancy.of(organization_id):
        rows = Bundle.objects.filter(
            _free(), organization=organization_id, pk=bundle_id, state=Bundle.State.WRITING
        )
        taken = rows.update(
            lease=key, lease_until=now + LEASE, begun_at=now, attempts=F("attempts") + 1, rows=0, file=""
        )
        if not taken:
            return None
        bundle = Bundle.objects.select_related("organization").get(pk=bundle_id)
        BundleChunk.objects.filter(organization=organization_id, bundle=bundle).delete()
    mine = Claim(bundle, key)
    if bundle.attempts > ATTEMPTS_MAX:
        _fail(mine, f"{ATTEMPTS_MAX} workers began it and none came to its end: look at their logs.")
        return None
    return mine


def _write(mine: Claim) -> bool:
    bundle = mine.bundle
    asked = {"by": bundle.asked_by, "at": instant(bundle.asked_at)}
    with bundle_snapshot.take(bundle.organization_id) as snapshot:
        with tenancy.of(bundle.organization_id):
            mine.hold()
            Bundle.objects.filter(pk=bundle.pk).update(rows_expected=snapshot.count())
        written = bundle_archive.write(
            bundle.organization, snapshot, Sink(mine.take), asked=asked, at=timezone.now(), tell=mine.tell
        )
    with tenancy.of(bundle.organization_id):
        bundles.finish(mine.hold(), written, actor=ACTOR)
    return True


def _fail(mine: Claim, problem: str) -> None:
    log.warning("bundle_failed", bundle=str(mine.bundle.pk))
    try:
        with tenancy.of(mine.bundle.organization_id):
            bundles.fail(mine.hold(), problem, actor=ACTOR)
    except LostClaim:
        log.info("bundle_lost", bundle=str(mine.bundle.pk))


def _free() -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now())
