"""The end of a campaign: what was decided, or what its rule says of the rest, is done in one transaction."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import grants, review_evidence, roles, tenancy
from identity.models import Grant, Member, Review, ReviewItem, RoleAssignment
from identity.reviews import subject_of

Outcome = ReviewItem.Outcome
_OUTCOMES: Final = """
UPDATE identity_reviewitem item SET outcome = row.outcome, outcome_entry = row.entry
  FROM unnest(%(ids)s::uuid[], %(outcomes)s::text[], %(entries)s::uuid[]) AS row (id, outcome, entry)
 WHERE item.organization_id = %(organization)s AND item.id = row.id
"""
# Nobody asks for these, and of twenty thousand items they are most of what would be kept in memory.
_PROFILES: Final = ("grant__member__profile", "assignment__member__profile")


def close(review: Review, *, actor: Actor) -> Review:
    """End the campaign: remove what is to be removed and keep the evidence. Closed already: nothing happens.

    What had ended before is left as it is, and the organization's last administrator stays one whatever was decided.
    """
    with tenancy.change(review.organization_id):
        # People first and in one order, as an offboarding takes them, so that none waits for the other.
        subjects = ReviewItem.objects.filter(organization=review.organization_id, review=review).values(
            "member"
        )
        list(
            Member.objects.select_for_update(no_key=True)
            .filter(organization=review.organization_id, pk__in=subjects)
            .order_by("pk")
            .values_list("pk")
        )
        locked = Review.objects.select_for_update(of=("self",)).get(pk=review.pk)
        if locked.closed_at is not None:
            return locked
        items = list(
            ReviewItem.objects.filter(organization=locked.organization_id, review=locked)
            .select_related(
                "grant__resource__kind", "grant__member", "assignment__role", "assignment__member"
            )
            .defer(*_PROFILES)
            .order_by("pk")
        )
        _carry_out(locked, items, actor)
        _save(locked, items)
        locked.closed_at, locked.remind_at = timezone.now(), None
        locked.digest = review_evidence.digest(locked, items)
        locked.save(update_fields=["closed_at", "remind_at", "digest"])
        record(
            Event.REVIEW_CLOSE,
            organization_id=locked.organization_id,
            actor=actor,
            subject=subject_of(locked),
            data={
                "evidence": locked.digest,
                "outcomes": {name: sum(item.outcome == name for item in items) for name in Outcome.values},
                "by_rule": sum(not item.decision for item in items),
            },
        )
    return locked


def close_if_due(review: Review, *, actor: Actor) -> bool:
    """End the campaign if its due date has passed, as the row tells; tells whether it did."""
    with tenancy.change(review.organization_id):
        found = Review.objects.get(pk=review.pk)
        if found.closed_at is not None or found.due_at > timezone.now():
            return False
        close(found, actor=actor)
    return True


def _carry_out(review: Review, items: Sequence[ReviewItem], actor: Actor) -> None:
    going: list[ReviewItem] = []
    for item in items:
        thing = item.grant or item.assignment
        assert thing is not None  # noqa: S101 - a check constraint holds it
        if thing.ended_at is not None:
            item.outcome = Outcome.GONE
        elif (item.decision or review.rule) == ReviewItem.Decision.REMOVE:
            going.append(item)
        else:
            item.outcome = Outcome.KEPT
    spared = _spared(review.organization_id, going)
    if spared is not None:
        spared.outcome = Outcome.LAST_ADMINISTRATOR
        going.remove(spared)
    of_grants = [(item, item.grant) for item in going if item.grant is not None]
    of_roles = [(item, item.assignment) for item in going if item.assignment is not None]
    _note(of_grants, grants.end_all([grant for _, grant in of_grants], actor=actor, held=True))
    _note(of_roles, roles.end_all([held for _, held in of_roles], actor=actor, held=True))


def _note(ended: "Sequence[tuple[ReviewItem, Grant | RoleAssignment]]", entries: Sequence[UUID]) -> None:
    for (item, _), entry in zip(ended, entries, strict=True):
        item.outcome, item.outcome_entry = Outcome.REMOVED, entry


def _save(review: Review, items: Sequence[ReviewItem]) -> None:
    values: dict[str, Any] = {
        "organization": review.organization_id, "ids": [item.pk for item in items],
        "outcomes": [str(item.outcome) for item in items], "entries": [item.outcome_entry for item in items],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, values)


def _spared(organization_id: UUID, going: Sequence[ReviewItem]) -> ReviewItem | None:
    """Return the item that must stay for somebody to remain administrator: one that only the rule would remove, if there is one."""
    losing = [
        item
        for item in going
        if item.assignment is not None
        and item.assignment.role.name == roles.ADMINISTRATOR
        and item.assignment.member.is_active
    ]
    if not losing:
        return None
    roles.hold_administrators(organization_id)
    remaining = roles.administrators(organization_id).exclude(pk__in=[item.assignment_id for item in losing])
    if remaining.exists():
        return None
    return next((item for item in losing if not item.decision), losing[0])
