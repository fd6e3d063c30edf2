"""Verbs on access reviews: open a campaign, decide, pass on. Decisions take effect at its close, and can be changed until then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, Subject, record, record_all
from identity import member_row, review_letters, review_scope, tenancy
from identity.errors import Conflict, Forbidden, Invalid, NotFound
from identity.handing_out import Holder, refuse_stronger_roles
from identity.models import Member, Organization, Review, ReviewItem
from identity.review_scope import Scope

_NAME_LENGTH_MAX: Final = 200
_REASON_LENGTH_MAX: Final = 500
_LONGEST: Final = timedelta(days=366)
DECISIONS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Decided:
    """What a reviewer says of an item: keep or remove, and why. `seen` is the decision that stood before them, where that is known."""

    decision: str
    reason: str = ""
    seen: str | None = None


def open_(
    organization: Organization,
    *,
    actor: Actor,
    name: str,
    scope: Scope,
    reviewers: Sequence[UUID],
    due_at: datetime,
    rule: str,
    opened_by: Member | None = None,
) -> Review:
    """Begin a campaign and write to its reviewers. Raises Invalid, TooMany."""
    now = timezone.now()
    _check_campaign(name, due_at, rule, now)
    with tenancy.change(organization):
        people = _reviewers(organization, reviewers)
        review = Review(
            organization=organization, name=name.strip(), scope=scope.stored(), rule=rule, opened_by=opened_by, opened_at=now,
            due_at=due_at, remind_at=review_letters.next_reminder(now, due_at),
        )  # fmt: skip
        items = review_scope.items(organization, scope, people)
        review.save(force_insert=True)
        for item in items:
            item.review = review
        ReviewItem.objects.bulk_create(items)
        record(
            Event.REVIEW_OPEN,
            organization_id=organization.pk,
            actor=actor,
            subject=subject_of(review),
            data={
                "scope": scope.stored(), "rule": rule, "due_at": due_at, "items": len(items),
                "reviewers": [str(person.pk) for person in people],
            },
        )  # fmt: skip
        review_letters.write(review)
    return review


def _check_campaign(name: str, due_at: datetime, rule: str, now: datetime) -> None:
    if not 0 < len(name.strip()) <= _NAME_LENGTH_MAX or "\0" in name:
        raise Invalid(f"A name has 1 to {_NAME_LENGTH_MAX} characters.", field="name")
    if due_at.tzinfo is None or not now < due_at <= now + _LONGEST:
        raise Invalid("The due date is a time to come, within a year.", field="due_at")
    if rule not in Review.Rule.values:
        raise Invalid(f"The rule is one of {', '.join(Review.Rule.values)}.", field="rule")


def _reviewers(organization: Organization, ids: Sequence[UUID]) -> list[Member]:
    wanted = set(ids)
    if not 0 < len(wanted) <= review_scope.REVIEWERS_MAX:
        raise Invalid(f"A review has 1 to {review_scope.REVIEWERS_MAX} reviewers.", field="reviewers")
    people = list(
        Member.objects.filter(organization=organization, pk__in=wanted, state=Member.State.ACTIVE).order_by(
            "pk"
        )
    )
    if len(people) != len(wanted):
        raise Invalid("Each reviewer is an active member of the organization.", field="reviewers")
    return people


def decide(
    review: Review,
    decisions: Mapping[UUID, Decided],
    *,
    by: Member,
    holder: Holder | None = None,
    actor: Actor,
) -> int:
    """Note what is decided of these items, all or none; answers for how many that is new.

    A reviewer decides their own items, a `holder` also those of others about what they could give, and nobody what they hold
    themselves. Raises Invalid, NotFound, Forbidden, and Conflict once the campaign is closed, or where somebody else decided
    otherwise since `by` looked.
    """
    _check(decisions)
    if by.organization_id != review.organization_id:
        raise Forbidden("Decisions are a member's: sign in as one of the organization.")
    with tenancy.change(review.organization_id):
        _locked_open(review)
        found = list(
            ReviewItem.objects.select_for_update(of=("self",))
            .filter(organization=review.organization_id, review=review, pk__in=decisions)
            .select_related("member", "assignment__role")
            .order_by("pk")
        )
        if len(found) != len(decisions):
            raise NotFound("One of these items is not in this review.", field="decisions")
        if any(item.member_id == by.pk for item in found):
            raise Forbidden("Nobody decides about their own access.", field="decisions")
        _refuse_anothers([item for item in found if item.reviewer_id != by.pk], review.organization, holder)
        new = [
            item
            for item in found
            if (item.decision, item.reason) != (decisions[item.pk].decision, decisions[item.pk].reason)
        ]
        _refuse_overtaken(new, decisions)
        lines = [_decision(review, item, decisions[item.pk], actor) for item in new]
        for item, entry in zip(new, record_all(lines), strict=True):
            item.decision, item.reason = decisions[item.pk].decision, decisions[item.pk].reason
            item.decided_by, item.decided_at, item.decision_entry = by, timezone.now(), entry
        ReviewItem.objects.bulk_update(
            new, ["decision", "reason", "decided_by", "decided_at", "decision_entry"]
        )
    return len(new)


def _refuse_anothers(items: Sequence[ReviewItem], organization: Organization, holder: Holder | None) -> None:
    """Refuse what others were asked about, but to a holder of all that is asked about there: whoever opened the campaign chose them."""
    if items and holder is None:
        raise Forbidden("One of these items is somebody else's to decide.", field="decisions")
    names = {item.assignment.role.name for item in items if item.assignment is not None}
    if names and holder is not None:
        refuse_stronger_roles(holder, organization, names, "decisions")


def _refuse_overtaken(new: Sequence[ReviewItem], decisions: Mapping[UUID, Decided]) -> None:
    overtaken = [item for item in new if decisions[item.pk].seen not in {None, item.decision}]
    if overtaken:
        names = ", ".join(dict.fromkeys(item.member.user_name for item in overtaken))
        raise Conflict(
            f"Somebody else has decided meanwhile about what these people have: {names}. Nothing is saved yet: look at it, and save again.",
            field="decisions",
        )


def pass_on(organization_id: UUID, reviewer_id: UUID, *, actor: Actor) -> int:
    """Give what a reviewer who is out has not decided to somebody else; answers how many items. In the caller's transaction."""
    waiting = ReviewItem.objects.filter(
        organization=organization_id, reviewer=reviewer_id, decision="", review__closed_at__isnull=True
    )
    passed = 0
    for review in Review.objects.filter(
        organization=organization_id, pk__in=waiting.values("review")
    ).order_by("pk"):
        heir = review_scope.successor(review, reviewer_id)
        if heir is None:
            continue
        number = waiting.filter(review=review).update(reviewer=heir)
        passed += number
        record(
            Event.REVIEW_PASS_ON,
            organization_id=organization_id,
            actor=actor,
            subject=subject_of(review),
            changes={"reviewer": [str(reviewer_id), str(heir)]},
            data={"items": number},
        )
        review_letters.write(review, only=heir)
    return passed


def counted(organization: Organization) -> "QuerySet[Review]":
    """Return the organization's campaigns, each with the `number` of its items and how many of them are `undecided`."""
    undecided = Q(items__decision="", items__outcome="")
    return Review.objects.filter(organization=organization).annotate(
        number=Count("items"), undecided=Count("items", filter=undecided)
    )


def waiting_for(member: Member) -> "QuerySet[Review]":
    """Return the campaigns in which something is left for the member to decide, the next due first; `number` says how much."""
    left = Q(items__reviewer=member, items__decision="", items__outcome="")
    return (
        Review.objects.filter(left, organization=member.organization_id, closed_at__isnull=True)
        .annotate(number=Count("items"))
        .order_by("due_at", "pk")
    )


def subject_of(review: Review) -> Subject:
    """Return the campaign as the record names it."""
    return Subject("review", str(review.pk), review.name)


def _locked_open(review: Review) -> Review:
    locked = Review.objects.select_for_update(of=("self",)).get(pk=review.pk)
    if locked.closed_at is not None:
        raise Conflict("This review is closed: what was decided has been done.")
    return locked


def _check(decisions: Mapping[UUID, Decided]) -> None:
    if not 0 < len(decisions) <= DECISIONS_MAX:
        raise Invalid(f"Decide about 1 to {DECISIONS_MAX} items at once.", field="decisions")
    for decided in decisions.values():
        if decided.decision not in ReviewItem.Decision.values:
            raise Invalid("A decision is keep or remove.", field="decisions")
        if len(decided.reason) > _REASON_LENGTH_MAX or "\0" in decided.reason:
            raise Invalid(f"A reason has at most {_REASON_LENGTH_MAX} characters.", field="decisions")


def _decision(review: Review, item: ReviewItem, decided: Decided, actor: Actor) -> Line:
    return Line(
        Event.REVIEW_DECIDE,
        review.organization_id,
        actor,
        member_row.subject_of(item.member),
        changes={"decision": [item.decision or None, decided.decision]},
        data={
            "review": str(review.pk), "item": str(item.pk), "reason": decided.reason,
            "grant": str(item.grant_id or ""), "assignment": str(item.assignment_id or ""),
        },
    )  # fmt: skip
