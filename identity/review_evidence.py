"""What a campaign leaves behind: who decided what, and what became of it, each with its entry in the record.

The digest is over ids and times alone, so that it still verifies when a person among them has been erased.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from audit.files import csv_file
from audit.json_text import canonical, plain
from identity import tenancy
from identity.models import Review, ReviewItem

COLUMNS: Final = (
    "item", "user_name", "display_name", "kind", "id", "permission", "role", "reviewer", "decision", "decided_by", "decided_at",
    "reason", "outcome", "by_rule", "decision_entry", "outcome_entry",
)  # fmt: skip


def digest(review: Review, items: Sequence[ReviewItem]) -> str:
    """Return SHA-256, in hex, of the canonical JSON (RFC 8785) of `body`."""
    return hashlib.sha256(canonical(body(review, items))).hexdigest()


def body(review: Review, items: Sequence[ReviewItem]) -> dict[str, Any]:
    """Return what is proved: the campaign and its items in the order of their ids, without names."""
    found: dict[str, Any] = plain(
        {
            "review": review.pk,
            "organization": review.organization_id,
            "scope": review.scope,
            "rule": review.rule,
            "opened_at": review.opened_at,
            "due_at": review.due_at,
            "closed_at": review.closed_at,
            "items": [_proved(item) for item in items],
        }
    )
    return found


def items_of(review: Review) -> list[ReviewItem]:
    """Return the items with everything that is told of them, in the order of their ids; the tenancy must be set."""
    return list(
        ReviewItem.objects.filter(organization=review.organization_id, review=review)
        .select_related("member", "reviewer", "decided_by", "grant__resource__kind", "assignment__role")
        # Three for each item, and nobody asks for them.
        .defer("member__profile", "reviewer__profile", "decided_by__profile")
        .order_by("pk")
    )


def document(review: Review) -> dict[str, Any]:
    """Return the evidence as JSON: what is proved, its digest, and the names as they are today."""
    with tenancy.of(review.organization_id):
        items = items_of(review)
        return {
            "name": review.name,
            "digest": review.digest,
            "proved": body(review, items),
            "items": [dict(zip(COLUMNS, row(item), strict=True)) for item in items],
        }


def csv_pieces(review: Review) -> Iterator[str]:
    """Return the evidence as CSV (RFC 4180), a line an item; no cell begins a formula."""
    with tenancy.of(review.organization_id):
        items = items_of(review)
    return csv_file(COLUMNS, map(row, items))


def row(item: ReviewItem) -> tuple[str, ...]:
    """Return what is told of an item, as COLUMNS names it; empty for what does not apply."""
    resource = item.grant.resource if item.grant else None
    return (
        str(item.pk), item.member.user_name, item.member.display_name, resource.kind.name if resource else "",
        resource.key if resource else "", item.grant.permission if item.grant else "",
        item.assignment.role.name if item.assignment else "", item.reviewer.user_name, item.decision,
        item.decided_by.user_name if item.decided_by else "", item.decided_at.isoformat() if item.decided_at else "",
        item.reason, item.outcome, str(bool(item.outcome) and not item.decision).lower(), str(item.decision_entry or ""),
        str(item.outcome_entry or ""),
    )  # fmt: skip


def _proved(item: ReviewItem) -> dict[str, Any]:
    return {
        "item": item.pk, "member": item.member_id, "reviewer": item.reviewer_id, "grant": item.grant_id,
        "assignment": item.assignment_id, "decision": item.decision, "decided_by": item.decided_by_id,
        "decided_at": item.decided_at, "outcome": item.outcome, "decision_entry": item.decision_entry,
        "outcome_entry": item.outcome_entry,
    }  # fmt: skip
