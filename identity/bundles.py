"""Verbs on bundles: ask for the export of an organization, have it, be rid of it. The row is the queue; workers are tasks/bundles.

The archive lies in the database, in sealed pieces (docs/decisions/organization-bundle.md), so that any web process can hand it out.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import secrets, tenancy
from identity.bundle_archive import Written
from identity.errors import Conflict, NotFound, TooMany, constraint_of
from identity.models import Bundle, BundleChunk, Organization
from identity.organizations import subject_of

State = Bundle.State
# A bundle holds whatever any page shows, and what no page does.
NEEDS: Final = (
    "organization.write", "members.read", "access.read", "resources.read", "directories.read", "connections.read", "record.read",
)  # fmt: skip
# Archives of one organization that are kept at a time.
KEPT_MAX: Final = 3


def ask(organization: Organization, *, actor: Actor) -> Bundle:
    """Have the organization exported. Raises Conflict while another bundle is being written, TooMany where enough are kept."""
    with tenancy.change(organization):
        # Two who ask at once: the second waits here and is then told of the first.
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        mine = Bundle.objects.filter(organization=organization)
        if mine.filter(state=State.READY).count() >= KEPT_MAX:
            message = f"{KEPT_MAX} bundles are kept already: discard one that nobody needs any more."
            raise TooMany(message)
        bundle = Bundle(organization=organization, asked_by=named(actor), asked_at=timezone.now())
        try:
            with tenancy.change(organization):
                bundle.save(force_insert=True)
        except IntegrityError as error:
            if constraint_of(error) != "bundle_written_once":
                raise
            raise Conflict("A bundle is being written already: wait for it, or discard it.") from error
        _record(Event.BUNDLE_ASK, bundle, organization, actor)
    return bundle


def finish(bundle: Bundle, written: Written, *, actor: Actor) -> None:
    """Let the archive be had, for as long as the settings say; the caller holds the row's lock."""
    now = timezone.now()
    bundle.state, bundle.ended_at = State.READY, now
    bundle.expires_at = now + timedelta(days=settings.ROLLCALL_BUNDLE_DAYS)
    bundle.lease = bundle.lease_until = None
    bundle.file, bundle.rows = "", written.rows
    bundle.size, bundle.sha256 = written.size, written.sha256
    bundle.record_seq, bundle.record_hash = written.place.seq, written.place.hash.hex()
    bundle.save(
        update_fields=[
            "state", "ended_at", "expires_at", "lease", "lease_until", "file", "rows", "size", "sha256", "record_seq", "record_hash",
        ]
    )  # fmt: skip
    _record(Event.BUNDLE_FINISH, bundle, bundle.organization, actor, **described(written))


def fail(bundle: Bundle, problem: str, *, actor: Actor) -> None:
    """Give up; the caller holds the row's lock."""
    bundle.state, bundle.problem, bundle.ended_at = State.FAILED, problem, timezone.now()
    bundle.lease = bundle.lease_until = None
    bundle.save(update_fields=["state", "problem", "ended_at", "lease", "lease_until"])
    BundleChunk.objects.filter(organization=bundle.organization_id, bundle=bundle).delete()
    record(
        Event.BUNDLE_FAIL,
        organization_id=bundle.organization_id,
        actor=actor,
        subject=subject_of(bundle.organization),
        data={"bundle": str(bundle.pk), "problem": problem},
        outcome="refused",
        reason="bundle_failed",
    )


def written_elsewhere(
    organization: Organization, written: Written, *, asked_at: datetime, actor: Actor
) -> Bundle:
    """Note an archive that was written to a disk, by the command: its hash is known here, and its content is not."""
    with tenancy.change(organization):
        bundle = Bundle(
            organization=organization, state=State.ELSEWHERE, asked_by=named(actor), asked_at=asked_at, begun_at=asked_at,
            ended_at=timezone.now(), rows=written.rows, size=written.size, sha256=written.sha256,
            record_seq=written.place.seq, record_hash=written.place.hash.hex(),
        )  # fmt: skip
        bundle.save(force_insert=True)
        _record(Event.BUNDLE_WRITE, bundle, organization, actor, **described(written))
    return bundle


def discard(bundle: Bundle, *, actor: Actor) -> Bundle:
    """Be rid of the archive, or stop its being written; what is known of it stays. Said again, it changes nothing."""
    with tenancy.change(bundle.organization_id):
        locked = lock(bundle)
        if locked.state not in {State.WRITING, State.READY}:
            return locked
        _end(locked, State.DISCARDED, Event.BUNDLE_DISCARD, actor)
    return locked


def expire(bundle: Bundle, *, actor: Actor) -> bool:
    """Be rid of the archive if its time is over; tells whether it was."""
    with tenancy.change(bundle.organization_id):
        locked = lock(bundle)
        if locked.state != State.READY or locked.expires_at is None or locked.expires_at > timezone.now():
            return False
        _end(locked, State.EXPIRED, Event.BUNDLE_EXPIRE, actor)
    return True


def download(bundle: Bundle, *, actor: Actor) -> Iterator[bytes]:
    """Record the download and return the archive piece by piece. Raises NotFound for one that can no longer be had, or not yet."""
    with tenancy.change(bundle.organization_id):
        locked = lock(bundle)
        refuse_unready(locked)
        _record(
            Event.BUNDLE_DOWNLOAD, locked, locked.organization, actor, sha256=locked.sha256, size=locked.size
        )
    return _pieces(locked)


def refuse_unready(bundle: Bundle) -> None:
    """Raise NotFound if the archive can no longer be had, or not yet."""
    if bundle.state != State.READY or bundle.expires_at is None or bundle.expires_at <= timezone.now():
        raise NotFound(
            "This bundle cannot be downloaded: it is not ready, or no longer kept. Ask for a new one."
        )


def latest(organization: Organization) -> Bundle | None:
    """Return the organization's newest bundle that was ever finished, also if its archive is gone; the tenancy must be set."""
    return Bundle.objects.filter(organization=organization).exclude(sha256="").order_by("-ended_at").first()


def lock(bundle: Bundle) -> Bundle:
    """Lock the bundle's row for the transaction and return it with its organization; the tenancy must be set. Raises NotFound."""
    found = (
        Bundle.objects.select_for_update(of=("self",))
        .select_related("organization")
        .filter(organization=bundle.organization_id, pk=bundle.pk)
        .first()
    )
    if found is None:
        raise NotFound("There is no such bundle.")
    return found


def place_of(bundle: Bundle, number: int) -> str:
    """Return the place that the piece of that number is sealed for."""
    return f"bundle:{bundle.pk}:{number}"


def headers(organization: Organization, bundle: Bundle) -> dict[str, str]:
    """Return the headers of a download: its name, as acme-20270331T1800Z.zip, and its size, by which a broken one is noticed."""
    name = f"{organization.slug}-{bundle.ended_at:%Y%m%dT%H%MZ}.zip"
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(bundle.size),
        "Cache-Control": "no-store",
    }


def named(actor: Actor) -> dict[str, str]:
    """Return the actor as rows keep them."""
    return {"kind": actor.kind, "id": actor.id, "label": actor.label}


def described(written: Written) -> dict[str, Any]:
    """Return what the record keeps of an archive: enough to know it again, and where the record in it ends."""
    return {
        "sha256": written.sha256,
        "size": written.size,
        "rows": written.rows,
        "record": {"seq": written.place.seq, "hash": written.place.hash.hex()},
    }


def _pieces(bundle: Bundle) -> Iterator[bytes]:
    number = 0
    while True:
        with tenancy.of(bundle.organization_id):
            piece = BundleChunk.objects.filter(
                organization=bundle.organization_id, bundle=bundle, number=number
            ).first()
        if piece is None:
            return
        yield secrets.open_(bundle.organization_id, place_of(bundle, number), bytes(piece.content))
        number += 1


def _end(bundle: Bundle, state: str, event: Event, actor: Actor) -> None:
    bundle.state, bundle.lease, bundle.lease_until = state, None, None
    bundle.ended_at = bundle.ended_at or timezone.now()
    bundle.save(update_fields=["state", "lease", "lease_until", "ended_at"])
    BundleChunk.objects.filter(organization=bundle.organization_id, bundle=bundle).delete()
    _record(event, bundle, bundle.organization, actor)


def _record(event: Event, bundle: Bundle, organization: Organization, actor: Actor, **data: Any) -> None:
    record(
        event,
        organization_id=organization.pk,
        actor=actor,
        subject=subject_of(organization),
        data={"bundle": str(bundle.pk), **data},
    )
