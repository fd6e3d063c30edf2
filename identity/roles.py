"""Roles: named sets of capabilities, and who holds them."""

import re
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, Subject, record, record_all
from identity import member_row, tenancy
from identity.access_sql import CAPABILITIES as CAPABILITIES_OF
from identity.errors import Invalid, LastAdministrator, UnknownRole
from identity.member_row import subject_of
from identity.models import Member, Organization, Role, RoleAssignment
from identity.models.access import Origin
from identity.seen import refuse_other

CAPABILITIES = (
    "organization.write",
    "members.read", "members.write",
    "access.read", "access.write",
    "resources.read", "resources.write",
    "directories.read", "directories.write",
    "connections.read", "connections.write",
    "record.read",
)  # fmt: skip

ADMINISTRATOR = "organization_admin"
# Name → label and capabilities. Copied into rows when an organization is created: a change here reaches the others by a migration alone.
BUILT_IN: dict[str, tuple[str, tuple[str, ...]]] = {
    ADMINISTRATOR: ("Organization administrator", CAPABILITIES),
    "member_manager": (
        "Member manager",
        ("members.read", "members.write", "access.read", "access.write", "resources.read"),
    ),
    "auditor": (
        "Auditor",
        (
            "members.read",
            "access.read",
            "resources.read",
            "directories.read",
            "connections.read",
            "record.read",
        ),
    ),
    "member": ("Member", ()),
}
_HOLD_ADMINISTRATORS = "SELECT pg_advisory_xact_lock(hashtextextended('rollcall.administrators ' || %s, 0))"
_HOLD_AMONG = f"""
SELECT pg_advisory_xact_lock(hashtextextended('rollcall.administrators ' || %(organization)s::uuid, 0)) WHERE EXISTS (
  SELECT 1 FROM identity_roleassignment held
    JOIN identity_role role ON role.organization_id = held.organization_id AND role.id = held.role_id
   WHERE held.organization_id = %(organization)s AND held.member_id = ANY (%(members)s) AND held.ended_at IS NULL
     AND role.name = '{ADMINISTRATOR}')
"""  # noqa: S608 - built from a constant
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def define(
    organization: Organization,
    name: str,
    *,
    actor: Actor,
    label: str = "",
    capabilities: list[str] | None = None,
) -> Role:
    """Add a role of the organization's own. Raises Invalid, NameTaken."""
    wanted = list(dict.fromkeys(capabilities or ()))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = "A role's name is lowercase letters, digits and underscores, beginning with a letter."
        raise Invalid(message, field="name")
    unknown = sorted(set(wanted) - set(CAPABILITIES))
    if unknown:
        message = f"There is no capability {unknown[0]}."
        raise Invalid(message, field="capabilities")
    with tenancy.change(organization):
        role = Role.objects.create(
            organization=organization, name=name, label=label or name, capabilities=wanted
        )
        record(
            Event.ROLE_DEFINE,
            organization_id=organization.pk,
            actor=actor,
            subject=Subject("role", str(role.pk), name),
            changes={"capabilities": [None, wanted]},
        )
    return role


def replace(member: Member, names: list[str], *, actor: Actor, seen: str = "") -> None:
    """Give the member exactly these roles, as an administrator's edit: no machine path touches them afterwards.

    `seen` is the stamp of the ids of the assignments shown (identity.seen). Raises UnknownRole, LastAdministrator, Conflict, and
    Invalid for an offboarded member.
    """
    with tenancy.change(member.organization_id):
        roles = named(member.organization_id, set(names))
        member = _locked(member)
        current = {held.role.name: held for held in open_roles(member)}
        refuse_other(seen, (held.pk for held in current.values()))
        if ADMINISTRATOR in current and ADMINISTRATOR not in roles:
            check_last_administrator(member)
        end(member, [held for name, held in current.items() if name not in roles], actor=actor, held=True)
        confirm_all(list(open_roles(member)), actor=actor)
        give(member, [role for name, role in roles.items() if name not in current], Origin.ADMIN, actor=actor)


def edit(member: Member, *, giving: Iterable[str] = (), ending: Iterable[str] = (), actor: Actor) -> None:
    """Give some roles and end others, as an administrator's edit, and leave the rest as it is.

    Raises UnknownRole, LastAdministrator, Invalid; then nothing is changed.
    """
    given, ended = set(giving), set(ending)
    if given & ended:
        raise Invalid("A role is either given or ended.", field="ending")
    with tenancy.change(member.organization_id):
        roles = named(member.organization_id, given | ended)
        member = _locked(member)
        current = {held.role.name: held for held in open_roles(member)}
        if ADMINISTRATOR in current and ADMINISTRATOR in ended:
            check_last_administrator(member)
        end(member, [held for name, held in current.items() if name in ended], actor=actor, held=True)
        confirm_all([held for name, held in current.items() if name in given], actor=actor)
        lacking = [role for name, role in roles.items() if name in given and name not in current]
        give(member, lacking, Origin.ADMIN, actor=actor)


def give(member: Member, roles: list[Role], origin: str, *, actor: Actor) -> None:
    """Assign the roles that the member lacks; the caller holds the member's lock and the transaction."""
    give_all([(member, role) for role in roles], origin, actor=actor)


def give_all(wanted: Iterable[tuple[Member, Role]], origin: str, *, actor: Actor) -> None:
    """Do that for many members of one organization with one statement."""
    now = timezone.now()
    made = RoleAssignment.objects.bulk_create(
        [
            RoleAssignment(
                organization_id=member.organization_id, member=member, role=role, origin=origin,
                held=origin == Origin.ADMIN, started_at=now,
            )
            for member, role in wanted
        ]
    )  # fmt: skip
    record_all(_line(Event.ROLE_ASSIGN, held, actor, [None, held.role.name]) for held in made)


def end(member: Member, assignments: list[RoleAssignment], *, actor: Actor, held: bool = False) -> None:
    """End the assignments; the caller holds the member's lock and the transaction. `held`: an administrator did it."""
    for assignment in assignments:
        assignment.member = member
    end_all(assignments, actor=actor, held=held)


def end_all(assignments: list[RoleAssignment], *, actor: Actor, held: bool = False) -> list[UUID]:
    """Do that for many members of one organization with one statement, and return the entries; each comes with its member."""
    if not assignments:
        return []
    values = {"ended_at": timezone.now(), "held": True} if held else {"ended_at": timezone.now()}
    RoleAssignment.objects.filter(
        organization=assignments[0].organization_id, pk__among=[assignment.pk for assignment in assignments]
    ).update(**values)
    return record_all(
        _line(Event.ROLE_REVOKE, assignment, actor, [assignment.role.name, None])
        for assignment in assignments
    )


def confirm_all(named: list[RoleAssignment], *, actor: Actor) -> None:
    """Hold the roles that an administrator names and that were there: that is an administrator's word too."""
    confirmed = [held for held in named if not held.held]
    if not confirmed:
        return
    RoleAssignment.objects.filter(
        organization=confirmed[0].organization_id, pk__among=[held.pk for held in confirmed]
    ).update(held=True)
    record_all(_line(Event.ROLE_CONFIRM, held, actor, [held.role.name, held.role.name]) for held in confirmed)


def administrators(organization_id: UUID) -> "QuerySet[RoleAssignment]":
    """Return who is administrator by name and active, as the assignments of that role."""
    return RoleAssignment.objects.filter(
        organization=organization_id,
        role__name=ADMINISTRATOR,
        ended_at__isnull=True,
        member__state=Member.State.ACTIVE,
    )


def hold_administrators(organization_id: UUID) -> None:
    """Have everybody else who takes an administrator away wait for this transaction: two at once would each see the other's left."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_ADMINISTRATORS, [str(organization_id)])


def hold_administrators_among(organization_id: UUID, member_ids: Iterable[UUID]) -> None:
    """Do so before the next statement, where any of these members is administrator by name."""
    values = {"organization": organization_id, "members": list(member_ids)}
    tenancy.connection.ahead(_HOLD_AMONG, values)


def refuse_no_administrator(organization_id: UUID) -> None:
    """Raise LastAdministrator where nobody active is administrator by name any more: after many roles were taken at once."""
    hold_administrators(organization_id)
    if not administrators(organization_id).exists():
        raise LastAdministrator("The organization would be left without an administrator.", field="roles")


def capabilities_of(member: Member) -> frozenset[str]:
    """Return what the member may do in the organization: the capabilities of all their roles, own or a group's; none unless active."""
    if not member.is_active:
        return frozenset()
    values = {"organization": member.organization_id, "member": member.pk}
    rows = tenancy.read(member.organization_id, CAPABILITIES_OF, values)
    return frozenset(capability for (capabilities,) in rows for capability in capabilities)


def names_of(member: Member) -> list[str]:
    """Return the names of the member's own roles, sorted, without those that groups bring: what an administrator edits."""
    with tenancy.of(member.organization_id):
        return sorted(held.role.name for held in open_roles(member))


def open_roles(member: Member) -> "QuerySet[RoleAssignment]":
    """Return the role assignments of the member's own that have not ended."""
    return RoleAssignment.objects.filter(
        organization=member.organization_id, member=member, ended_at__isnull=True
    ).select_related("role", "member")


def named(organization_id: UUID, names: set[str]) -> dict[str, Role]:
    """Return the roles of these names. Raises UnknownRole where the organization lacks one."""
    roles = {role.name: role for role in Role.objects.filter(organization=organization_id, name__in=names)}
    missing = sorted(names - set(roles))
    if missing:
        message = f"The organization has no role {missing[0]}."
        raise UnknownRole(message, field="roles")
    return roles


def _locked(member: Member) -> Member:
    locked = member_row.lock(member)
    if locked.state == Member.State.OFFBOARDED:
        message = "This member is offboarded: reinstate them before giving roles."
        raise Invalid(message)
    return locked


def check_last_administrator(member: Member) -> None:
    """Refuse to take the administrator's role from the only active member who has it. Raises LastAdministrator."""
    hold_administrators(member.organization_id)
    if not others_administer(member):
        message = "This is the organization's last administrator: make somebody else administrator first."
        raise LastAdministrator(message, field="roles")


def others_administer(*members: Member, at: datetime | None = None) -> bool:
    """Tell whether anybody active but these members of one organization is administrator by name, and still will be `at` that time."""
    others = administrators(members[0].organization_id)
    if at is not None:
        others = others.exclude(member__ends_at__lte=at)
    return others.exclude(member__in=members).exists()


def _line(event: Event, assignment: RoleAssignment, actor: Actor, change: list[str | None]) -> Line:
    return Line(
        event,
        assignment.organization_id,
        actor,
        subject_of(assignment.member),
        changes={"role": change},
        data={"origin": assignment.origin, "assignment": str(assignment.pk)},
    )
