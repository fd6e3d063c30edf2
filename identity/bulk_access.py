"""Much access given and taken by one list, grants and roles alike: the batch form of an administrator's edits.

One transaction, a handful of statements whatever the number of lines, one entry for each grant and each role.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from audit.record import Actor
from identity import grants, roles, tenancy
from identity.bulk_access_rows import Rows
from identity.errors import Forbidden, Invalid, LastAdministrator, NotFound, Refusal, TooMany
from identity.grants import GrantSpec
from identity.handing_out import Holder
from identity.models import Grant, Member, Organization, Resource, Role, RoleAssignment
from identity.models.access import Origin
from identity.plans import Plan, Problem, Step

LINES_MAX: Final = 2000
_ACTS: Final = ("give", "end")


@dataclass(frozen=True, slots=True)
class Edit:
    """One line: who (by user name or id), what (a grant, or the name of a role), and `act`, give or end."""

    line: int
    who: str | UUID
    what: GrantSpec | str
    act: str = "give"


@dataclass(slots=True)
class _Work:
    given: list[tuple[Member, Resource, str]] = field(default_factory=list)
    ended: list[Grant] = field(default_factory=list)
    confirmed: list[Grant] = field(default_factory=list)
    roles_given: list[tuple[Member, Role]] = field(default_factory=list)
    roles_ended: list[RoleAssignment] = field(default_factory=list)
    roles_confirmed: list[RoleAssignment] = field(default_factory=list)


def preview(organization: Organization, edits: Sequence[Edit], *, holder: Holder | None = None) -> Plan:
    """Return what the list would do; nothing is changed. `holder` is the person who acts. Raises TooMany."""
    with tenancy.of(organization):
        return _plan(organization, edits, holder, lock=False)[0]


def apply(
    organization: Organization,
    edits: Sequence[Edit],
    digest: str,
    *,
    actor: Actor,
    holder: Holder | None = None,
) -> Plan:
    """Do exactly what was previewed under that digest, all of it or nothing. Raises Conflict, Invalid, TooMany."""
    with tenancy.change(organization):
        plan, work = _plan(organization, edits, holder, lock=True)
        plan.insist(digest)
        _carry_out(work, actor)
    return plan


def edit(
    organization: Organization, edits: Sequence[Edit], *, actor: Actor, holder: Holder | None = None
) -> Plan:
    """Do what can be done of the list, without the lines at fault, and return the plan that tells of both. Raises TooMany."""
    with tenancy.change(organization):
        plan, work = _plan(organization, edits, holder, lock=True)
        _carry_out(work, actor)
    return plan


def _carry_out(work: _Work, actor: Actor) -> None:
    grants.end_all(work.ended, actor=actor, held=True)
    grants.confirm_all(work.confirmed, actor=actor)
    grants.give_all(work.given, Origin.ADMIN, actor=actor)
    roles.end_all(work.roles_ended, actor=actor, held=True)
    roles.confirm_all(work.roles_confirmed, actor=actor)
    roles.give_all(work.roles_given, Origin.ADMIN, actor=actor)


def _plan(
    organization: Organization, edits: Sequence[Edit], holder: Holder | None, *, lock: bool
) -> tuple[Plan, _Work]:
    if len(edits) > LINES_MAX:
        raise TooMany(f"At most {LINES_MAX} lines in one list; send several.")
    rows = Rows.read(organization.pk, [line.who for line in edits], [line.what for line in edits], lock=lock)
    steps: list[Step] = []
    problems: list[Problem] = []
    work = _Work()
    seen: set[tuple[UUID, GrantSpec | str]] = set()
    # Whoever becomes administrator by this very list counts before anybody stops being it.
    for line in sorted(edits, key=lambda one: one.act != "give"):
        try:
            member = _member(line, rows, holder)
            if (member.pk, line.what) in seen:
                field_name = "role" if isinstance(line.what, str) else "permission"
                raise Invalid("This stands in the list twice.", field=field_name)
            seen.add((member.pk, line.what))
            step = _role if isinstance(line.what, str) else _grant
            steps.append(step(line, member, rows, work))
        except Refusal as refusal:
            problems.append(Problem(line.line, refusal.code, refusal.message, refusal.field))
    by_line = sorted(steps, key=lambda step: step.line)
    return Plan(tuple(by_line), tuple(sorted(problems, key=lambda problem: problem.line))), work


def _member(line: Edit, rows: Rows, holder: Holder | None) -> Member:
    """Return whom the line names, its other words checked. Raises Invalid, NotFound, UnknownResource, UnknownRole, Forbidden."""
    if line.act not in _ACTS:
        raise Invalid(f"The act is one of {', '.join(_ACTS)}.", field="act")
    rows.refuse_unknown(line.what)
    member = rows.member(line.who)
    if member is None:
        named = "id" if isinstance(line.who, UUID) else "user name"
        raise NotFound(
            f"There is no member of this {named}, or they are offboarded.",
            field="member" if isinstance(line.who, UUID) else "user_name",
        )
    if holder is not None and isinstance(line.what, str):
        missing = sorted(set(rows.roles[line.what].capabilities) - holder.capabilities)
        if missing:
            raise Forbidden(f"You cannot give or take {missing[0]}, which you do not have.", field="role")
    return member


def _grant(line: Edit, member: Member, rows: Rows, work: _Work) -> Step:
    spec = line.what
    assert isinstance(spec, GrantSpec)  # noqa: S101 - the caller looked
    held = rows.grants.get((member.pk, spec))
    if line.act == "end":
        if held is not None:
            work.ended.append(held)
    elif held is None:
        work.given.append((member, rows.resolved.found[spec], spec.permission))
    elif not held.held:
        work.confirmed.append(held)
    return _step(line, member, "grant", f"{spec.kind} {spec.key} {spec.permission}", held)


def _role(line: Edit, member: Member, rows: Rows, work: _Work) -> Step:
    name = str(line.what)
    held = rows.held.get((member.pk, name))
    if line.act == "end":
        if held is not None:
            if name == roles.ADMINISTRATOR and not rows.administrators - {member.pk}:
                message = (
                    "This is the organization's last administrator: make somebody else administrator first."
                )
                raise LastAdministrator(message, field="role")
            work.roles_ended.append(held)
            rows.note_role(member, name, holds=False)
    elif held is None:
        work.roles_given.append((member, rows.roles[name]))
        rows.note_role(member, name, holds=True)
    elif not held.held:
        work.roles_confirmed.append(held)
    return _step(line, member, "role", name, held)


def _step(line: Edit, member: Member, aspect: str, shown: str, held: Grant | RoleAssignment | None) -> Step:
    """Say what the line comes to, from what the member holds of it."""
    before = None if held is None else shown
    after = shown if line.act == "give" else None
    if before == after and (held is None or held.held):
        return Step(line.line, member.user_name, "nothing", member.pk)
    act = "confirm" if before == after else line.act
    return Step(line.line, member.user_name, act, member.pk, 0, {aspect: [before, after]})
