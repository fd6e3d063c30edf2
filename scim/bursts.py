"""Verbs on held bursts: an administrator confirms what the directory did, or takes it back.

The decision is one transaction. What follows from it is carried out person by person, each in a transaction of its own, by whoever gets
to it first: the request that decided, or the job that finds what is left.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, QuerySet
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import groups, links, member_row, members, returns, tenancy
from identity.errors import Conflict, Refusal
from identity.models import Directory, Group, Link, Member, Membership, Nesting
from scim.models import Burst, Departure

AT_ONCE_MAX: Final = 500
_REASON: Final = {
    Burst.Decision.CONFIRM: "deletion confirmed by an administrator",
    Burst.Decision.ROLL_BACK: "rolled back by an administrator",
}
_EVENTS: Final = {
    Burst.Decision.CONFIRM: Event.SYNC_APPROVE,
    Burst.Decision.ROLL_BACK: Event.SYNC_ROLL_BACK,
}
# A departure is noted beside its verb: who left at another time than this has left again since, by another hand.
_SAME_TIME: Final = timedelta(minutes=1)
CHANGED_SINCE: Final = "skipped:changed_since"


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
                subject=Subject("directory", str(locked.directory_id), locked.directory.name),
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
        chosen = list(_waiting(burst).order_by("pk").values_list("pk", flat=True)[:most])
    done = sum(_one(burst, departure_id, decision, actor) for departure_id in chosen)
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
    waiting = _waiting(burst).select_related("member")
    within = set(
        Membership.objects.filter(
            organization=burst.organization_id,
            ended_at__isnull=True,
            group__in=waiting.filter(group__isnull=False).values("group"),
        ).values_list("group_id", "member_id")
    )
    nested = set(
        Nesting.objects.filter(
            organization=burst.organization_id,
            ended_at__isnull=True,
            parent__in=waiting.filter(through__isnull=False).values("group"),
        ).values_list("parent_id", "child_id")
    )
    moved = _moved_away(burst.directory, waiting.values_list("member_id", flat=True))
    effects: Counter[str] = Counter()
    for departure in waiting.iterator():
        if decision is Burst.Decision.CONFIRM:
            is_held = departure.kind == Departure.Kind.HELD
            is_out = departure.member.state == Member.State.SUSPENDED and departure.member_id not in moved
            effects["stay_out" if not is_held else "offboarded" if is_out else "changed_since"] += 1
        elif departure.kind == Departure.Kind.UNNEST:
            is_back = (departure.group_id, departure.through_id) in nested
            effects["changed_since" if is_back else "back_in_group"] += 1
        elif departure.kind == Departure.Kind.LEAVE:
            is_back = (departure.group_id, departure.member_id) in within
            effects["changed_since" if is_back else "back_in_group"] += 1
        else:
            effects["come_back" if _left_since(departure, departure.member) else "changed_since"] += 1
    return dict(effects)


def _waiting(burst: Burst) -> QuerySet[Departure]:
    return Departure.objects.filter(organization=burst.organization_id, burst=burst, outcome="")


def _one(burst: Burst, departure_id: UUID, decision: Burst.Decision, actor: Actor) -> bool:
    with tenancy.of(burst.organization_id):
        departure = (
            _waiting(burst).select_for_update(of=("self",), skip_locked=True).filter(pk=departure_id).first()
        )
        if departure is None:
            return False
        try:
            with tenancy.change(burst.organization_id):
                outcome = _confirmed(departure, actor) if decision == "confirm" else _undone(departure, actor)
        except Refusal as refusal:
            outcome = f"skipped:{refusal.code}"
        Departure.objects.filter(pk=departure.pk).update(outcome=outcome)
    return True


def _confirmed(departure: Departure, actor: Actor) -> str:
    member = member_row.lock(departure.member_id)
    if member.state != Member.State.SUSPENDED or member.pk in _moved_away(departure.directory, [member.pk]):
        return CHANGED_SINCE
    members.offboard(
        member, actor=actor, reason=_REASON[Burst.Decision.CONFIRM], tombstone=departure.directory
    )
    return "offboarded"


def _moved_away(directory: Directory, member_ids: Iterable[UUID]) -> set[UUID]:
    """Return who belongs to another directory since: what this one asked about them is not carried out."""
    gone = Link.objects.filter(
        organization=directory.organization_id, directory=directory, member__in=member_ids,
        moved_at__isnull=False, tombstoned_at__isnull=False,
    )  # fmt: skip
    return set(gone.values_list("member_id", flat=True))


def _undone(departure: Departure, actor: Actor) -> str:
    if departure.kind == Departure.Kind.LEAVE:
        return _back_in_group(departure, actor)
    if departure.kind == Departure.Kind.UNNEST:
        return _nested_again(departure, actor)
    member = member_row.lock(departure.member_id)
    reason = _REASON[Burst.Decision.ROLL_BACK]
    left_as = _left_since(departure, member)
    if left_as == Member.State.SUSPENDED:
        members.reactivate(member, actor=actor, reason=reason)
        return "restored"
    if left_as == Member.State.OFFBOARDED:
        return _reinstated(departure, member, actor, reason)
    return CHANGED_SINCE


def _reinstated(departure: Departure, member: Member, actor: Actor, reason: str) -> str:
    """Bring back somebody who was deleted before the budget was spent: person, access, link and groups."""
    former = list(Membership.objects.filter(returns.ended_by_offboarding(member)).select_related("group"))
    link = Link.objects.filter(
        organization=member.organization_id, directory=departure.directory, member=member
    ).first()
    members.reinstate(member, actor=actor, with_access=True, reason=reason)
    if link is not None and link.tombstoned_at is not None:
        links.make(member, departure.directory, link.external_id)
        record(
            Event.MEMBER_LINK,
            organization_id=member.organization_id,
            actor=actor,
            subject=member_row.subject_of(member),
            data={"directory": str(departure.directory_id), "external_id": link.external_id or ""},
        )
    for membership in former:
        if membership.group.ended_at is None:
            groups.change(membership.group, actor=actor, add=[str(member.pk)])
    return "restored"


def _back_in_group(departure: Departure, actor: Actor) -> str:
    assert departure.group_id is not None  # noqa: S101 - they left a group
    group = _restored(departure, departure.group_id, actor)
    _, delta = groups.change(group, actor=actor, add=[str(departure.member_id)])
    return "restored" if delta.added else CHANGED_SINCE


def _nested_again(departure: Departure, actor: Actor) -> str:
    """Put the group back into the other; the first of its people does it for all of them."""
    assert departure.through_id is not None  # noqa: S101 - their group left another
    assert departure.group_id is not None  # noqa: S101 - the other
    child = _restored(departure, departure.through_id, actor)
    group = _restored(departure, departure.group_id, actor)
    _, delta = groups.change(group, actor=actor, add=[str(child.pk)])
    if delta.nested:
        return "restored"
    there = Nesting.objects.filter(
        organization=group.organization_id, parent=group, child=child, ended_at__isnull=True
    )
    assert departure.burst is not None  # noqa: S101 - it is rolled back as a part of one
    return "restored" if there.filter(started_at__gte=departure.burst.decided_at).exists() else CHANGED_SINCE


def _restored(departure: Departure, group_id: UUID, actor: Actor) -> Group:
    """Return the group, brought back if it was deleted."""
    group = Group.objects.get(organization=departure.organization_id, pk=group_id)
    return group if group.ended_at is None else groups.restore(group, actor=actor)


def _left_since(departure: Departure, member: Member) -> str:
    """Return the state in which the departure left the member and they still are; empty once another hand was there."""
    left_at = member.suspended_at if member.state == Member.State.SUSPENDED else member.offboarded_at
    return member.state if not member.is_active and _is_same(left_at, departure) else ""


def _is_same(left_at: datetime | None, departure: Departure) -> bool:
    return left_at is not None and abs(left_at - departure.happened_at) < _SAME_TIME


def held(directory: Directory) -> QuerySet[Burst]:
    """Return the directory's bursts on which nobody has decided; the tenancy must be set."""
    return held_anywhere().filter(organization=directory.organization_id, directory=directory)


def held_anywhere() -> QuerySet[Burst]:
    """Return the bursts on which nobody has decided, of whatever directory the tenancy lets one see; the oldest first."""
    return Burst.objects.filter(decision="").select_related("directory").order_by("opened_at")
