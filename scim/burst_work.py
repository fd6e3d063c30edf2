"""What an administrator decided about the departures of a burst, carried out: a few of one kind in each transaction.

A group of 300,000 people that its directory deleted is one burst. Person by person its way back was 300,000 transactions.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import groupby, islice
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan, LessThanOrEqual

from audit.events import Event
from audit.record import Actor, record
from identity import batches, groups, links, member_row, members, memberships, offboarding, returns, tenancy
from identity.errors import Refusal
from identity.models import Group, Link, Member, Membership, Nesting
from scim.models import Burst, Departure

# Of one transaction: whoever changes one of these people, or a group that they are in, waits for all of them.
PEOPLE_AT_ONCE: Final = 50
# Of one group, which waits for all of them too; they themselves are only looked at.
JOINING_AT_ONCE: Final = 500
_REASON: Final = {
    Burst.Decision.CONFIRM: "deletion confirmed by an administrator",
    Burst.Decision.ROLL_BACK: "rolled back by an administrator",
}
# A departure is noted beside its verb: who left at another time than this has left again since, by another hand.
_SAME_TIME: Final = timedelta(minutes=1)
CHANGED_SINCE: Final = "skipped:changed_since"


class Waiting(NamedTuple):
    """A departure for which nothing was done yet, and what decides with whom it can be done."""

    id: UUID
    kind: str
    group_id: UUID | None
    through_id: UUID | None


def effect_of(decision: Burst.Decision) -> Case:
    """Return the expression of what a decision would do to a departure that waits: the keys of `bursts.preview`."""
    changed = Value("changed_since")
    if decision is Burst.Decision.CONFIRM:
        moved = _moved(directory=OuterRef("directory_id"), member=OuterRef("member_id"))
        is_out = Q(~Exists(moved), member__state=Member.State.SUSPENDED)
        return Case(
            When(~Q(kind=Departure.Kind.HELD), then=Value("stay_out")),
            When(is_out, then=Value("offboarded")),
            default=changed,
        )
    inside = {"organization": OuterRef("organization_id"), "ended_at__isnull": True}
    nested = Nesting.objects.filter(**inside, parent=OuterRef("group_id"), child=OuterRef("through_id"))
    within = Membership.objects.filter(**inside, group=OuterRef("group_id"), member=OuterRef("member_id"))
    return Case(
        When(Q(Exists(nested), kind=Departure.Kind.UNNEST), then=changed),
        When(Q(Exists(within), kind=Departure.Kind.LEAVE), then=changed),
        When(kind__in=[Departure.Kind.UNNEST, Departure.Kind.LEAVE], then=Value("back_in_group")),
        When(_as_left(), then=Value("come_back")),
        default=changed,
    )


def in_parts(rows: Iterable[Waiting]) -> Iterator[list[Waiting]]:
    """Part departures, in their order, into those that go together: people, or those who left one group."""
    for (_, group, _), alike in groupby(rows, _alike):
        most = PEOPLE_AT_ONCE if group is None else JOINING_AT_ONCE
        while part := list(islice(alike, most)):
            yield part


def _alike(row: Waiting) -> tuple[str, UUID | None, UUID | None]:
    return (row.kind if row.group_id else "", row.group_id, row.through_id)


def settle(burst: Burst, part: Sequence[Waiting], decision: Burst.Decision, *, actor: Actor) -> int:
    """Do what was decided for departures that go together, and note what became of each; returns how many are done.

    One that is refused keeps nobody else: then each is tried by itself.
    """
    with tenancy.of(burst.organization_id):
        departures = list(
            Departure.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(organization=burst.organization_id, pk__in=[row.id for row in part], outcome="")
            .select_related("directory__organization", "burst")
            .order_by("pk")
        )
        try:
            outcomes = _done(departures, decision, actor)
        except Refusal:
            outcomes = [_alone(departure, decision, actor) for departure in departures]
        for outcome in {*outcomes}:
            same = [row.pk for row, theirs in zip(departures, outcomes, strict=True) if theirs == outcome]
            Departure.objects.filter(pk__in=same).update(outcome=outcome)
    return len(departures)


def _alone(departure: Departure, decision: Burst.Decision, actor: Actor) -> str:
    try:
        return _done([departure], decision, actor)[0]
    except Refusal as refusal:
        return f"skipped:{refusal.code}"


def _done(departures: Sequence[Departure], decision: Burst.Decision, actor: Actor) -> list[str]:
    """Return what became of each, all of it done or nothing."""
    if not departures:
        return []
    with tenancy.change(departures[0].organization_id):
        if decision is Burst.Decision.CONFIRM:
            return _confirmed(departures, actor)
        if departures[0].kind == Departure.Kind.LEAVE:
            return _back_in_group(departures, actor)
        if departures[0].kind == Departure.Kind.UNNEST:
            return [_nested_again(departures[0], actor)] * len(departures)
        return _come_back(departures, actor)


def _confirmed(departures: Sequence[Departure], actor: Actor) -> list[str]:
    directory = departures[0].directory
    locked = batches.locked(directory.organization_id, {each.member_id for each in departures})
    moved = set(
        _moved(directory=directory, member__in=[member.pk for member in locked]).values_list(
            "member_id", flat=True
        )
    )
    going = [member for member in locked if member.state == Member.State.SUSPENDED and member.pk not in moved]
    reason = _REASON[Burst.Decision.CONFIRM]
    offboarding.offboard_all_locked(going, actor=actor, reason=reason, tombstone=directory)
    return _told(departures, {member.pk for member in going}, "offboarded")


def _moved(**condition: object) -> "QuerySet[Link]":
    """Return the links of those who belong to another directory since: what the former one asked about them is not carried out."""
    return Link.objects.filter(moved_at__isnull=False, tombstoned_at__isnull=False, **condition)


def _come_back(departures: Sequence[Departure], actor: Actor) -> list[str]:
    organization = departures[0].directory.organization
    reason = _REASON[Burst.Decision.ROLL_BACK]
    found = {
        member.pk: member for member in batches.locked(organization, {each.member_id for each in departures})
    }
    as_left = Departure.objects.filter(_as_left(), pk__in=[each.pk for each in departures])
    back = {each.member_id: each for each in as_left.select_related("directory__organization", "burst")}
    suspended = {pk: found[pk].version for pk in back if found[pk].state == Member.State.SUSPENDED}
    batches.reactivate(organization, suspended, actor=actor, reason=reason)
    for pk in back.keys() - suspended.keys():
        _reinstate(back[pk], found[pk], actor, reason)
    return _told(departures, set(back), "restored")


def _told(departures: Sequence[Departure], done: set[UUID], outcome: str) -> list[str]:
    """Return `outcome` for the departures of those for whom something was done, once for each person."""
    told = []
    for departure in departures:
        told.append(outcome if departure.member_id in done else CHANGED_SINCE)
        done.discard(departure.member_id)
    return told


def _reinstate(departure: Departure, member: Member, actor: Actor, reason: str) -> None:
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


def _back_in_group(departures: Sequence[Departure], actor: Actor) -> list[str]:
    group_id = departures[0].group_id
    assert group_id is not None  # noqa: S101 - they left a group
    names = [str(each.member_id) for each in departures]
    # People before their group, which is locked to be restored.
    memberships.hold(departures[0].organization_id, departures[0].directory_id, names)
    group = _restored(departures[0], group_id, actor)
    _, delta = groups.change(group, actor=actor, add=dict.fromkeys(names))
    return _told(departures, set(delta.added), "restored")


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


def _as_left() -> Q:
    """Return the condition of departures whose member is still as they left them; another hand leaves another time, or a link.

    A suspension is noted after its verb, so that one which came later is somebody else's. Whoever was deleted since, before the budget was
    spent, was so by their directory if it buried its link at that very time.
    """
    left_at, noted_at = Coalesce("member__suspended_at", "member__offboarded_at"), F("happened_at")
    until = Case(When(kind=Departure.Kind.SUSPEND, then=noted_at), default=noted_at + _SAME_TIME)
    buried = Link.objects.filter(
        organization=OuterRef("organization_id"), directory=OuterRef("directory_id"), member=OuterRef("member_id"),
        tombstoned_at=OuterRef("member__offboarded_at"), moved_at__isnull=True,
    )  # fmt: skip
    is_out = Q(member__state=Member.State.SUSPENDED) | Q(
        Exists(buried), member__state=Member.State.OFFBOARDED
    )
    return is_out & Q(GreaterThan(left_at, noted_at - _SAME_TIME)) & Q(LessThanOrEqual(left_at, until))
