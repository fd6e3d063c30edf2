"""Verbs on the deletion of an organization: schedule it, think better of it, begin it when its day has come.

The row is the queue. What then happens is identity/deletion_work.py; PostgreSQL itself holds the way of a row (migration 0028), so that
no mistake here deletes anything sooner (docs/decisions/organization-deletion.md).
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from audit.events import Event
from audit.json_text import instant
from audit.record import Actor, Subject, record
from identity import alarms, bundles, mail, organizations, tenancy
from identity.errors import Conflict, Forbidden, Invalid, NotFound, NotSuspended
from identity.models import Bundle, Deletion, Organization

State = Deletion.State
DELETE_AFTER_DAYS_MAX: Final = 3650
REASON_CHARACTERS_MAX: Final = 500
# The operator token of the environment acts for nobody who could be asked.
_NOBODY: Final = frozenset({"", "environment"})


def schedule(
    organization: Organization,
    *,
    confirm: str,
    actor: Actor,
    delete_after: datetime | None = None,
    reason: str = "",
) -> Deletion:
    """Schedule the deletion of a suspended organization, ROLLCALL_DELETION_DAYS from now at the earliest; `confirm` is its name, typed.

    Raises Forbidden unless a named operator asks, NotSuspended, Conflict if it is scheduled already, and Invalid for a wrong name, a time
    that is too early or too late, and the operating organization.
    """
    if actor.kind != "operator" or actor.id in _NOBODY:
        raise Forbidden("A deletion is scheduled by a named operator: sign in, or use a token of your own.")
    with tenancy.change(organization):
        locked = Organization.objects.select_for_update().get(pk=organization.pk)
        _check(locked, confirm, reason)
        now = timezone.now()
        at = _time(delete_after, now)
        deletion = Deletion(
            organization_id=locked.pk, name=locked.name, slug=locked.slug, asked_by=bundles.named(actor), asked_at=now,
            delete_after=at, reason=reason,
        )  # fmt: skip
        deletion.save(force_insert=True)
        locked.delete_after = at
        locked.save(update_fields=["delete_after"])
        _record(Event.ORGANIZATION_SCHEDULE_DELETION, deletion, actor, delete_after=at, reason=reason)
        _tell(deletion, "deletion_scheduled", f"{locked.name} will be deleted", _SCHEDULED)
    return deletion


def cancel(organization: Organization, *, actor: Actor) -> Deletion:
    """Take the deletion back, as long as it has not begun; the organization stays suspended.

    Raises Forbidden for whoever is no operator, NotFound where none is scheduled, Conflict once it has begun.
    """
    if actor.kind != "operator":
        raise Forbidden("A deletion is cancelled by an operator.")
    with tenancy.change(organization):
        deletion = lock(pending(organization.pk).pk)
        if deletion.state != State.SCHEDULED:
            raise Conflict("The deletion has begun: it cannot be taken back.")
        deletion.cancelled_by = bundles.named(actor)
        _over(deletion, State.CANCELLED, Event.ORGANIZATION_CANCEL_DELETION, actor)
        mail.cancel(organization.pk, deletion.pk)
        _tell(deletion, "deletion_cancelled", f"{deletion.name} will not be deleted", _CANCELLED)
    return deletion


def begin_if_due(deletion: Deletion, *, actor: Actor) -> bool:
    """Begin the deletion if its time has come; tells whether it did. One of an organization that is not suspended lapses."""
    with tenancy.change(deletion.organization_id):
        locked = lock(deletion.pk)
        if locked.state != State.SCHEDULED or locked.delete_after > timezone.now():
            return False
        organization = Organization.objects.select_for_update().get(pk=locked.organization_id)
        if organization.state != Organization.State.SUSPENDED:
            _over(locked, State.LAPSED, Event.ORGANIZATION_LAPSE_DELETION, actor)
            return False
        locked.state, locked.begun_at = State.DELETING, timezone.now()
        locked.bundle = _last_bundle(organization)
        locked.save(update_fields=["state", "begun_at", "bundle"])
        # Whoever is writing one would write into what is being deleted.
        for bundle in Bundle.objects.filter(organization=organization, state=Bundle.State.WRITING):
            bundles.discard(bundle, actor=actor)
        _record(Event.ORGANIZATION_BEGIN_DELETION, locked, actor, bundle=locked.bundle)
    return True


def pending(organization_id: UUID) -> Deletion:
    """Return the deletion that is scheduled or under way; the tenancy must be set. Raises NotFound."""
    found = Deletion.objects.filter(organization_id=organization_id, state__in=Deletion.OPEN).first()
    if found is None:
        raise NotFound("No deletion of this organization is scheduled.")
    return found


def find(deletion_id: UUID) -> Deletion:
    """Return a deletion to an operator, also one whose organization is gone. Raises NotFound."""
    with tenancy.everywhere("an operator looks at a deletion"):
        found = Deletion.objects.filter(pk=deletion_id).first()
    if found is None:
        raise NotFound("There is no such deletion.")
    return found


def headers(deletion: Deletion) -> dict[str, str]:
    """Return the headers under which its proof is handed out."""
    name = f"{deletion.slug}-proof-of-deletion.json"
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


def lock(deletion_id: UUID) -> Deletion:
    """Lock the row for the transaction and return it; the tenancy must be set."""
    return Deletion.objects.select_for_update().get(pk=deletion_id)


def subject_of(deletion: Deletion) -> Subject:
    """Return the organization as the record names it, also when it is gone."""
    return Subject("organization", str(deletion.organization_id), deletion.name)


def record_at_home(event: Event, deletion: Deletion, actor: Actor, **data: Any) -> None:
    """Write an entry in the operating organization's record, which outlives the other one."""
    home = organizations.operating()
    if home is not None:
        with tenancy.change(home):
            record(
                event,
                organization_id=home.pk,
                actor=actor,
                subject=subject_of(deletion),
                data={"deletion": str(deletion.pk), **data},
            )


def _check(organization: Organization, confirm: str, reason: str) -> None:
    if organization.is_operating:
        raise Invalid("The operating organization runs this server and cannot be deleted.")
    if confirm != organization.name:
        raise Invalid("Type the name of the organization exactly as it is written.", field="confirm")
    if len(reason) > REASON_CHARACTERS_MAX:
        raise Invalid(f"A reason has at most {REASON_CHARACTERS_MAX} characters.", field="reason")
    if organization.state != Organization.State.SUSPENDED:
        raise NotSuspended("Suspend the organization first: only then can its deletion be scheduled.")


def _time(wanted: datetime | None, now: datetime) -> datetime:
    days = settings.ROLLCALL_DELETION_DAYS
    earliest = now + timedelta(days=days)
    if wanted is None:
        return earliest
    # A day that was picked from a calendar a moment ago is not refused for that moment.
    if wanted < earliest - timedelta(minutes=5):
        message = f"At least {days} days pass before an organization is deleted: not before {earliest:%Y-%m-%d %H:%M} UTC."
        raise Invalid(message, field="delete_after")
    if wanted > now + timedelta(days=DELETE_AFTER_DAYS_MAX):
        raise Invalid(f"delete_after is at most {DELETE_AFTER_DAYS_MAX} days away.", field="delete_after")
    return wanted


def _over(deletion: Deletion, state: str, event: Event, actor: Actor) -> None:
    deletion.state, deletion.ended_at = state, timezone.now()
    deletion.save(update_fields=["state", "ended_at", "cancelled_by"])
    Organization.objects.filter(pk=deletion.organization_id).update(delete_after=None)
    _record(event, deletion, actor)


def _record(event: Event, deletion: Deletion, actor: Actor, **data: Any) -> None:
    """Write it in the customer's record, where the customer sees it, and in the operating organization's, which stays.

    A reason is people's own words, and goes with the customer's record.
    """
    record(
        event,
        organization_id=deletion.organization_id,
        actor=actor,
        subject=subject_of(deletion),
        data={"deletion": str(deletion.pk), **data},
    )
    record_at_home(
        event, deletion, actor, **{name: value for name, value in data.items() if name != "reason"}
    )


def _last_bundle(organization: Organization) -> dict[str, Any] | None:
    found = bundles.latest(organization)
    if found is None or found.ended_at is None:
        return None
    return {
        "id": str(found.pk),
        "ended_at": instant(found.ended_at),
        "sha256": found.sha256,
        "size": found.size,
        "record": {"seq": found.record_seq, "hash": found.record_hash},
    }


_SCHEDULED: Final = (
    "{name} is suspended, and everything that Rollcall keeps of it will be deleted after {at:%d %B %Y, %H:%M} UTC.\n\n"
    "Until then the operators of this server can take that back. Write to them if this is a mistake, or if you want a copy.\n"
)
_CANCELLED: Final = "The deletion of {name} has been taken back. Nothing was deleted.\n"


def _tell(deletion: Deletion, kind: str, subject: str, body: str) -> None:
    alarms.tell_administrators(
        deletion.organization_id, kind=kind, about=deletion.pk, subject=subject,
        body=body.format(name=deletion.name, at=deletion.delete_after),
    )  # fmt: skip
