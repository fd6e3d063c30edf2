"""What a campaign asks about, and whom: the items of a scope, spread over its reviewers, and who takes over from whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from identity.errors import Invalid, TooMany
from identity.models import Grant, Kind, Member, Organization, Review, ReviewItem, RoleAssignment
from identity.roles import ADMINISTRATOR

ITEMS_MAX: Final = 20_000
REVIEWERS_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Scope:
    """Grants (of these kinds, or of all) and roles of everybody who is in. What groups bring is reviewed where groups are kept."""

    grants: bool = True
    roles: bool = True
    kinds: tuple[str, ...] = ()

    def stored(self) -> dict[str, Any]:
        """Return the scope as JSON."""
        return {"grants": self.grants, "roles": self.roles, "kinds": list(self.kinds)}


def assignments_in(organization: Organization, scope: Scope) -> "QuerySet[RoleAssignment]":
    """Return the role assignments that the scope asks about; the tenancy must be set."""
    rows = RoleAssignment.objects.filter(_of_somebody(organization)).select_related("role")
    return rows.order_by("member_id", "pk") if scope.roles else rows.none()


def role_names_in(organization: Organization, scope: Scope) -> set[str]:
    """Return which roles the scope asks about; the tenancy must be set."""
    return set(assignments_in(organization, scope).order_by().values_list("role__name", flat=True).distinct())


def role_names_of(review: Review) -> set[str]:
    """Return which roles the campaign asks about; the tenancy must be set."""
    asked = ReviewItem.objects.filter(
        organization=review.organization_id, review=review, assignment__isnull=False
    )
    return set(asked.values_list("assignment__role__name", flat=True).distinct())


def items(organization: Organization, scope: Scope, reviewers: Sequence[Member]) -> list[ReviewItem]:
    """Return the items, unwritten, each with its reviewer. Raises Invalid for an empty scope, TooMany."""
    known = set(Kind.objects.filter(organization=organization).values_list("name", flat=True))
    strange = sorted(set(scope.kinds) - known)
    if strange:
        raise Invalid(f"The organization has no kind {strange[0]}.", field="scope")
    grants = Grant.objects.filter(_of_somebody(organization)).order_by("member_id", "pk")
    if scope.kinds:
        grants = grants.filter(resource__kind__name__in=scope.kinds)
    rows: list[Grant | RoleAssignment] = [*(grants[: ITEMS_MAX + 1] if scope.grants else ())]
    rows += assignments_in(organization, scope)[: ITEMS_MAX + 1]
    if not rows:
        raise Invalid("Nobody has anything that this scope asks about.", field="scope")
    if len(rows) > ITEMS_MAX:
        raise TooMany(
            f"A review asks about at most {ITEMS_MAX} grants and roles: narrow its scope.", field="scope"
        )
    subjects = sorted({row.member_id for row in rows})
    chosen = {
        subject: _reviewer(organization, place, subject, reviewers) for place, subject in enumerate(subjects)
    }
    return [
        ReviewItem(
            organization=organization, member_id=row.member_id, reviewer_id=chosen[row.member_id],
            grant=row if isinstance(row, Grant) else None,
            assignment=row if isinstance(row, RoleAssignment) else None,
        )
        for row in rows
    ]  # fmt: skip


def successor(review: Review, leaving: UUID) -> UUID | None:
    """Return who takes over a reviewer's items: another reviewer of the campaign, whoever opened it, an administrator; None for nobody."""
    active = Member.objects.filter(organization=review.organization_id, state=Member.State.ACTIVE).exclude(
        pk=leaving
    )
    others = ReviewItem.objects.filter(organization=review.organization_id, review=review).values("reviewer")
    found = (
        active.filter(pk__in=others).order_by("pk").first()
        or active.filter(opened_reviews=review.pk).first()
        or _administrators(review.organization_id).exclude(pk=leaving).first()
    )
    return found.pk if found else None


def _reviewer(organization: Organization, place: int, subject: UUID, reviewers: Sequence[Member]) -> UUID:
    """Take the reviewers in turn, a person's items together. Nobody is asked about themselves if anybody else can be."""
    others = [reviewer for reviewer in reviewers if reviewer.pk != subject]
    if others:
        return others[place % len(others)].pk
    stand_in = _administrators(organization.pk).exclude(pk=subject).first()
    return stand_in.pk if stand_in else reviewers[0].pk


def _administrators(organization_id: UUID) -> "QuerySet[Member]":
    return Member.objects.filter(
        organization=organization_id, state=Member.State.ACTIVE, role_assignments__role__name=ADMINISTRATOR,
        role_assignments__ended_at__isnull=True,
    ).order_by("pk")  # fmt: skip


def _of_somebody(organization: Organization) -> Q:
    return Q(organization=organization, ended_at__isnull=True) & ~Q(member__state=Member.State.OFFBOARDED)
