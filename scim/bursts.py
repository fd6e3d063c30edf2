"""Verbs on held bursts: an administrator confirms what the directory did, or takes it back.

The decision is one transaction. What follows from it is carried out a few people at a time (scim/burst_work.py), by whoever gets to it
first: the request that decided, or the job that finds what is left.
"""

from typing import Final

from django.db.models import Count, QuerySet
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import directories, tenancy
from identity.errors import Conflict
from identity.models import Directory
from scim import burst_work
from scim.models import Burst, Departure

AT_ONCE_MAX: Final = 500
_EVENTS: Final = {
    Burst.Decision.CONFIRM: Event.SYNC_APPROVE,
    Burst.Decision.ROLL_BACK: Event.SYNC_ROLL_BACK,
}


def decide(burst: Burst, decision: Burst.Decision, *, actor: Actor) -> Burst:
    """Confirm or roll back, and carry out at once what is not too much. Raises Conflict where the other was decided already."""
    with tenancy.change(burst.organization_id):
        locked = Burst.objects.select_for_update(of=("self",)).select_related("directory").get(pk=burst.pk)
        if locked.decision and locked.decision != decision:
            raise Conflict("Somebody has decided otherwise about this burst already: read it again.")
        if not locked.decision:
            locked.decision, locked.decided_at = decision.value, timezone.now()
            locked.decided_by = {"kind": actor.kind, "id": actor.id, "label": actor.label}
            locked.save(update_fields=["decision", "decided_at", "decided_by"])
            record(
                _EVENTS[decision],
                organization_id=locked.organization_id,
                actor=actor,
                subject=directories.subject_of(locked.directory),
                data={"burst": str(locked.pk), "departures": summary(locked)},
            )
    carry_out(locked, most=AT_ONCE_MAX)
    return locked


def carry_out(burst: Burst, *, most: int) -> int:
    """Do what was decided for at most so many departures that wait; returns how many, and closes the burst with the last one."""
    decision = Burst.Decision(burst.decision)
    actor = Actor(**burst.decided_by)
    with tenancy.of(burst.organization_id):
        if decision is Burst.Decision.CONFIRM:
            # Only deletions were put off; everything else has happened as it was asked.
            _waiting(burst).exclude(kind=Departure.Kind.HELD).update(outcome="confirmed")
        rows = _waiting(burst).order_by("pk").values_list("pk", "kind", "group_id", "through_id")
        chosen = [burst_work.Waiting(*row) for row in rows[:most]]
    done = sum(burst_work.settle(burst, part, decision, actor=actor) for part in burst_work.in_parts(chosen))
    if len(chosen) < most:
        with tenancy.of(burst.organization_id):
            if not _waiting(burst).exists():
                burst.done_at = timezone.now()
                Burst.objects.filter(pk=burst.pk, done_at__isnull=True).update(done_at=burst.done_at)
    return done


def summary(burst: Burst) -> dict[str, int]:
    """Return how many departures there are of each kind; the tenancy must be set."""
    counted = Departure.objects.filter(organization=burst.organization_id, burst=burst).values_list("kind")
    return dict(counted.annotate(number=Count("pk")).order_by("kind"))


def preview(burst: Burst, decision: Burst.Decision) -> dict[str, int]:
    """Return what a decision would do to how many of those who wait; the tenancy must be set.

    Keys: offboarded, stay_out (as they are), come_back, back_in_group, changed_since (another hand was there: left alone).
    """
    waiting = _waiting(burst).order_by().annotate(effect=burst_work.effect_of(decision))
    return dict(waiting.values_list("effect").annotate(Count("pk")).order_by("effect"))


def _waiting(burst: Burst) -> QuerySet[Departure]:
    return Departure.objects.filter(organization=burst.organization_id, burst=burst, outcome="")


def held(directory: Directory) -> QuerySet[Burst]:
    """Return the directory's bursts on which nobody has decided; the tenancy must be set."""
    return held_anywhere().filter(organization=directory.organization_id, directory=directory)


def held_anywhere() -> QuerySet[Burst]:
    """Return the bursts on which nobody has decided, of whatever directory the tenancy lets one see; the oldest first."""
    return Burst.objects.filter(decision="").select_related("directory").order_by("opened_at")
