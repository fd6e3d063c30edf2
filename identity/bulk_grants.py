"""Many grants given and ended by one list: the batch form of an administrator's edits.

One transaction, a handful of statements whatever the number of lines, one entry for each grant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from audit.record import Actor
from identity import grants, tenancy
from identity.errors import Invalid, NotFound, Refusal, TooMany, UnknownResource
from identity.grants import GrantSpec, Resolved
from identity.models import Grant, Member, Organization, Resource
from identity.models.access import Origin
from identity.plans import Plan, Problem, Step
from identity.profile import key_of

LINES_MAX: Final = 2000
_ACTS: Final = ("give", "end")
_WHY: Final = {
    "unknown_kind": "The organization has no kind {0.kind}.",
    "unknown_permission": "A {0.kind} has no permission {0.permission}.",
    "unknown_resource": "No {0.kind} {0.key} is registered for this organization.",
}


@dataclass(frozen=True, slots=True)
class Edit:
    """One line: `act` is give or end."""

    line: int
    user_name: str
    spec: GrantSpec
    act: str = "give"


@dataclass(slots=True)
class _Work:
    given: list[tuple[Member, Resource, str]] = field(default_factory=list)
    ended: list[Grant] = field(default_factory=list)
    confirmed: list[Grant] = field(default_factory=list)


def preview(organization: Organization, edits: Sequence[Edit]) -> Plan:
    """Return what the list would do; nothing is changed. Raises TooMany."""
    with tenancy.of(organization):
        return _plan(organization, edits, lock=False)[0]


def apply(organization: Organization, edits: Sequence[Edit], digest: str, *, actor: Actor) -> Plan:
    """Do exactly what was previewed under that digest, all of it or nothing. Raises Conflict, Invalid, TooMany."""
    with tenancy.change(organization):
        plan, work = _plan(organization, edits, lock=True)
        plan.insist(digest)
        grants.end_all(work.ended, actor=actor, held=True)
        grants.confirm_all(work.confirmed, actor=actor)
        grants.give_all(work.given, Origin.ADMIN, actor=actor)
    return plan


def _plan(organization: Organization, edits: Sequence[Edit], *, lock: bool) -> tuple[Plan, _Work]:
    if len(edits) > LINES_MAX:
        raise TooMany(f"At most {LINES_MAX} grants in one list; send several.")
    rows = Member.objects.select_for_update() if lock else Member.objects.all()
    people = {
        member.user_name_key: member
        # In one order, so that two lists at once don't wait for each other.
        for member in rows.filter(
            organization=organization, user_name_key__in={key_of(edit.user_name) for edit in edits}
        )
        .exclude(state=Member.State.OFFBOARDED)
        .order_by("pk")
    }
    resolved = grants.resolve(organization.pk, [edit.spec for edit in edits])
    current: dict[tuple[UUID, GrantSpec], Grant] = {
        (grant.member_id, GrantSpec(grant.resource.kind.name, grant.resource.key, grant.permission)): grant
        for grant in Grant.objects.filter(
            organization=organization, member__in=people.values(), ended_at__isnull=True
        ).select_related("resource__kind", "member")
    }
    steps: list[Step] = []
    problems: list[Problem] = []
    work, seen = _Work(), set()
    for edit in edits:
        try:
            member = _member(edit, people, resolved)
            if (member.pk, edit.spec) in seen:
                raise Invalid("This grant stands in the list twice.", field="permission")
            seen.add((member.pk, edit.spec))
            steps.append(_step(edit, member, resolved, current.get((member.pk, edit.spec)), work))
        except Refusal as refusal:
            problems.append(Problem(edit.line, refusal.code, refusal.message, refusal.field))
    return Plan(tuple(steps), tuple(problems)), work


def _member(edit: Edit, people: dict[str, Member], resolved: Resolved) -> Member:
    """Return whom the line names, its other words checked. Raises Invalid, NotFound, UnknownResource."""
    if edit.act not in _ACTS:
        raise Invalid(f"The act is one of {', '.join(_ACTS)}.", field="act")
    why = resolved.unknown.get(edit.spec)
    if why:
        raise UnknownResource(_WHY[why].format(edit.spec), field="id")
    member = people.get(key_of(edit.user_name))
    if member is None:
        raise NotFound("There is no member of this user name.", field="user_name")
    return member


def _step(edit: Edit, member: Member, resolved: Resolved, held: Grant | None, work: _Work) -> Step:
    shown = f"{edit.spec.kind} {edit.spec.key} {edit.spec.permission}"
    if edit.act == "end":
        if held is None:
            return Step(edit.line, member.user_name, "nothing", member.pk)
        work.ended.append(held)
        return Step(edit.line, member.user_name, "end", member.pk, 0, {"grant": [shown, None]})
    if held is None:
        work.given.append((member, resolved.found[edit.spec], edit.spec.permission))
        return Step(edit.line, member.user_name, "give", member.pk, 0, {"grant": [None, shown]})
    if held.held:
        return Step(edit.line, member.user_name, "nothing", member.pk)
    work.confirmed.append(held)
    return Step(edit.line, member.user_name, "confirm", member.pk, 0, {"grant": [shown, shown]})
