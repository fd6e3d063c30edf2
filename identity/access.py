"""Access questions: may this member do that and why, who may, and what could somebody touch at a time.

Nothing is kept between two questions, so that an exit shows at the very next one. A permission includes those before it in its
kind's order, and reaches down to the resources below wherever their kind knows one of the included permissions. Time travel
follows what has a beginning and an end (grants, role assignments, memberships, active periods); the tree of resources is today's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from identity import tenancy
from identity.access_sql import CHECK, GROUPS, REACH, ROLES, WHO
from identity.errors import Invalid, NotFound, TooMany
from identity.models import ActivePeriod, Member, Organization, Resource
from identity.two_times import at_time

QUESTIONS_MAX = 100


@dataclass(frozen=True, slots=True)
class Question:
    """May this member do that with this resource? `kind` and `key` are the product's own words for it."""

    member: UUID
    permission: str
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Why:
    """What gives the access: the grant (`grant_id`), its permission, and the resource "kind key" it was given on.

    `inherited_from` is empty for a grant on the resource itself; `implied` says that the permission granted is a stronger one;
    `group` names the group that brings it (then `grant_id` is the group's grant), empty for a grant of the member's own.
    """

    grant_id: UUID
    permission: str
    origin: str
    since: datetime
    inherited_from: str
    implied: bool
    group: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`reason` is "granted", or why not: no_grant, suspended, offboarded, inactive (then), organization_suspended, unknown_(…)."""

    allowed: bool
    reason: str
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """One line of what somebody can reach. `inherited_from` is "kind key" of the resource that was granted, empty for that one itself.

    `group` names the group that brings it, empty for a grant of the member's own.
    """

    kind: str
    key: str
    name: str
    permission: str
    origin: str
    since: datetime
    inherited_from: str
    grant_id: UUID
    group: str


@dataclass(frozen=True, slots=True)
class Holder:
    """A member who has access to a resource: the strongest permission that this grant comes to there, and why."""

    member_id: UUID
    user_name: str
    display_name: str
    permission: str
    why: Why


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A role that a member had, where it came from and since when; `group` as in Access."""

    name: str
    origin: str
    since: datetime
    group: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a member had at a time. Whoever was not active had nothing: then all lists are empty."""

    active: bool
    access: tuple[Access, ...] = ()
    roles: tuple[HeldRole, ...] = ()
    groups: tuple[tuple[UUID, str], ...] = ()


def check(
    organization: Organization | UUID, questions: Sequence[Question], at: datetime | None = None
) -> list[Answer]:
    """Answer up to 100 questions, in their order, with one statement; `at` asks about the past. Raises TooMany, Invalid."""
    if len(questions) > QUESTIONS_MAX:
        raise TooMany(f"At most {QUESTIONS_MAX} questions in one request; ask in several.", field="questions")
    if not questions:
        return []
    _refuse_future(at)
    values = {
        "organization": _id(organization),
        "member": [question.member for question in questions],
        "permission": [question.permission for question in questions],
        "kind": [question.kind for question in questions],
        "key": [question.key for question in questions],
        "at": at,
    }
    with tenancy.of(organization):
        if at is None:
            _plan_once()
        return [_answer(*row) for row in _rows(CHECK, values)]


def who_has(
    organization: Organization | UUID,
    kind: str,
    key: str,
    at: datetime | None = None,
    *,
    after: UUID | None = None,
    limit: int = 200,
) -> list[Holder]:
    """Return who has access to the resource, by member id: all lines of at most `limit` members beyond `after`.

    Raises NotFound for a resource that is not registered here, Invalid for a time to come.
    """
    _refuse_future(at)
    with tenancy.of(organization):
        found = Resource.objects.filter(organization=_id(organization), kind__name=kind, key=key).first()
        if found is None:
            raise NotFound(f"No {kind} {key} is registered for this organization.")
        values = {
            "organization": _id(organization), "resource": found.pk, "at": at, "after": after or UUID(int=0), "limit": limit,
        }  # fmt: skip
        return [_holder(*row) for row in _rows(WHO, values)]


def what_had(member: Member, at: datetime | None = None) -> Holdings:
    """Return what the member can touch, or could at that time. Raises Invalid for a time to come."""
    _refuse_future(at)
    with tenancy.of(member.organization_id):
        if not _was_active(member, at):
            return Holdings(active=False)
        values = {"organization": member.organization_id, "member": member.pk, "at": at, "limit": None}
        return Holdings(
            True,
            tuple(_reach(values)),
            tuple(HeldRole(*row) for row in _rows(ROLES, values)),
            tuple((row[0], row[1]) for row in _rows(GROUPS, values)),
        )


def roles_of(member: Member) -> list[HeldRole]:
    """Return the member's roles, whatever the member's state."""
    values = {"organization": member.organization_id, "member": member.pk, "at": None}
    with tenancy.of(member.organization_id):
        return [HeldRole(*row) for row in _rows(ROLES, values)]


def reach(member: Member, at: datetime | None = None, *, limit: int | None = None) -> list[Access]:
    """Return what the member's grants reach, whatever the member's state: for an administrator who looks at dormant access.

    `limit` is for pages: of very many, some, and what was given before what it comes to below.
    """
    values = {"organization": member.organization_id, "member": member.pk, "at": at, "limit": limit}
    with tenancy.of(member.organization_id):
        return _reach(values)


def _reach(values: dict[str, Any]) -> list[Access]:
    # Where one resource has nearly all others below it, the planner expects as many below each, and would read them all for each.
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('enable_seqscan', 'off', true)")
    found = [Access(*row) for row in _rows(REACH, values)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('enable_seqscan', 'on', true)")
    return found


def _was_active(member: Member, at: datetime | None) -> bool:
    if at is None:
        return Member.objects.filter(pk=member.pk, state=Member.State.ACTIVE).exists()
    periods = ActivePeriod.objects.filter(organization=member.organization_id, member=member)
    return at_time(periods, at).exists()


def _plan_once() -> None:
    """Have this transaction keep the plan of a prepared statement instead of making one for each question.

    In a large tree the planner wrongly expects that a plan for these particular values is worth its cost. Making it takes several times
    as long as answering the question.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")


def _rows(statement: tuple[str, str], values: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Run the form of the statement that asks about now, or the one about a time: only now's can use the indexes of what is open."""
    now, then = statement
    with connection.cursor() as cursor:
        cursor.execute(now if values["at"] is None else then, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _holder(member_id: UUID, user_name: str, display_name: str, permission: str, *why: Any) -> Holder:
    return Holder(member_id, user_name, display_name, permission, Why(*why))


def _answer(refusal: str | None, grant_id: UUID | None, *why: Any) -> Answer:
    if refusal:
        return Answer(allowed=False, reason=refusal)
    if grant_id is None:
        return Answer(allowed=False, reason="no_grant")
    return Answer(True, "granted", Why(grant_id, *why))


def _refuse_future(at: datetime | None) -> None:
    if at is not None and at > timezone.now():
        raise Invalid("Ask about a time that has passed, or leave `at` out for now.", field="at")


def _id(organization: Organization | UUID) -> UUID:
    return organization.pk if isinstance(organization, Organization) else organization
