"""Metadata at an address that somebody typed: a row asks for it, a worker loads it, and whoever asked waits a few seconds for that.

So no web process ever calls out, and one that may not (egress is often closed to it) need not. The row is the queue: a wake-up after the
commit is a convenience, and the clock's tick finds what nobody was woken for. What was loaded is handed over once, and then forgotten.
Why: docs/decisions/saml-metadata-by-a-worker.md.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import connection as database
from django.db import connections as databases
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.record import Actor
from identity import tenancy
from saml import fetch
from saml.models import MetadataFetch
from saml.refusals import Refused

# Whoever typed the address looks at a page that loads: an idle worker answers in a second, and an address has five (saml.fetch).
TAKEN_SECONDS_MAX: Final = 3.0
ANSWERED_SECONDS_MAX: Final = 8.0
_LOOK_EVERY_SECONDS: Final = 0.05
# A worker that died with it leaves it to another one after this.
LEASE: Final = timedelta(seconds=30)
# What nobody came back for is forgotten.
KEPT: Final = timedelta(minutes=10)
WAITING_MAX: Final = 5

_STATE: Final = """
SELECT taken_at IS NOT NULL, answered_at IS NOT NULL FROM saml_metadatafetch WHERE organization_id = %s AND id = %s
"""

_wakers: list[Callable[[], None]] = []


def woken_by(waker: Callable[[], None]) -> None:
    """Have workers woken by this function, from now on; it never raises."""
    _wakers[:] = [waker]


def document(organization_id: UUID, url: str, *, actor: Actor) -> bytes:
    """Return what a worker loaded from `url`; asked again after it took too long, what it brought meanwhile.

    Refuses: metadata_fetch (with the reason), metadata_waiting, metadata_unread (no worker took it up), metadata_busy.
    """
    if not database.in_atomic_block:
        return _document(organization_id, url, actor)
    # A worker sees nothing of a transaction that is still open (an Idempotency-Key, an organization as code): ask outside of it.
    with ThreadPoolExecutor(1) as outside:
        return outside.submit(_document_outside, organization_id, url, actor).result()


def work(limit: int) -> int:
    """Load what waits, one after the other, until nothing does; answers how many. The worker's part, beside other workers."""
    done = 0
    while done < limit and (taken := _take()) is not None:
        _answer(taken)
        done += 1
    return done


def forget_old() -> int:
    """Delete what nobody came back for; answers how many."""
    with tenancy.everywhere("metadata that nobody came back for"):
        return MetadataFetch.objects.filter(asked_at__lt=timezone.now() - KEPT).delete()[0]


def _document_outside(organization_id: UUID, url: str, actor: Actor) -> bytes:
    try:
        return _document(organization_id, url, actor)
    finally:
        databases.close_all()


def _document(organization_id: UUID, url: str, actor: Actor) -> bytes:
    begun = time.monotonic()
    asked = _ask(organization_id, url, actor)
    while True:
        # By one round trip: no transaction is open meanwhile.
        ((taken, answered),) = tenancy.read(organization_id, _STATE, [organization_id, asked.pk])
        if answered:
            return _hand_over(asked)
        waited = time.monotonic() - begun
        if not taken and waited > TAKEN_SECONDS_MAX:
            raise _left(asked, "metadata_unread")
        if waited > ANSWERED_SECONDS_MAX:
            raise _left(asked, "metadata_waiting")
        time.sleep(_LOOK_EVERY_SECONDS)


def _ask(organization_id: UUID, url: str, actor: Actor) -> MetadataFetch:
    """Leave a row, or take over one that was left for this address a moment ago."""
    now = timezone.now()
    with tenancy.change(organization_id):
        mine = MetadataFetch.objects.filter(organization=organization_id, asked_at__gte=now - KEPT)
        left = mine.select_for_update().filter(url=url, left_at__isnull=False).order_by("-asked_at")
        asked = left.first()
        if asked is not None:
            asked.left_at, asked.asked_at = None, now
            asked.save(update_fields=["left_at", "asked_at"])
        elif mine.filter(answered_at__isnull=True).count() >= WAITING_MAX:
            raise Refused("metadata_busy", f"{WAITING_MAX} others wait")
        else:
            asked = MetadataFetch(
                organization_id=organization_id, url=url, asked_at=now, asked_by=f"{actor.kind} {actor.label or actor.id}"[:200]
            )  # fmt: skip
            asked.save(force_insert=True)
        for waker in _wakers:
            transaction.on_commit(waker)
    return asked


def _left(asked: MetadataFetch, code: str) -> Refused:
    """Leave the row for whoever asks again, and return the refusal."""
    with tenancy.change(asked.organization_id):
        MetadataFetch.objects.filter(organization=asked.organization_id, pk=asked.pk).update(
            left_at=timezone.now()
        )
    return Refused(code)


def _hand_over(asked: MetadataFetch) -> bytes:
    with tenancy.change(asked.organization_id):
        row = MetadataFetch.objects.get(organization=asked.organization_id, pk=asked.pk)
        row.delete()
    if row.document is None:
        raise Refused("metadata_fetch", row.problem)
    return bytes(row.document)


def _take() -> MetadataFetch | None:
    now = timezone.now()
    with tenancy.everywhere("metadata that somebody waits for"):
        rows = MetadataFetch.objects.select_for_update(skip_locked=True, of=("self",))
        free = Q(taken_at__isnull=True) | Q(taken_at__lt=now - LEASE)
        row = (
            rows.filter(free, answered_at__isnull=True, asked_at__gte=now - KEPT).order_by("asked_at").first()
        )
        if row is not None:
            row.taken_at = now
            row.save(update_fields=["taken_at"])
    return row


def _answer(row: MetadataFetch) -> None:
    found: bytes | None = None
    problem = ""
    try:
        found = fetch.metadata_document(row.url)
    except Refused as refused:
        problem = refused.detail
    with tenancy.change(row.organization_id):
        MetadataFetch.objects.filter(
            organization=row.organization_id, pk=row.pk, answered_at__isnull=True
        ).update(document=found, problem=problem, answered_at=timezone.now())
