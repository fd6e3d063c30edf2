"""What people must hear of at once: an organization without an administrator, and its emergency way in used or lost.

Why: docs/decisions/last-administrator.md.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import mail, tenancy
from identity.errors import LastAdministrator
from identity.models import Member, Organization, RoleAssignment
from identity.roles import ADMINISTRATOR, hold_administrators, others_administer

# Kinds of actors behind which somebody sits who can be asked.
_PEOPLE: Final = ("member", "token", "operator")


@dataclass(frozen=True, slots=True)
class Duties:
    """What an organization loses with a member: its last administrator by name, its break-glass administrator."""

    last_administrator: bool = False
    break_glass: bool = False


_HELD = f"""identity_roleassignment held JOIN identity_role role ON role.organization_id = held.organization_id
    AND role.id = held.role_id AND role.name = '{ADMINISTRATOR}'
   WHERE held.organization_id = %(organization)s AND held.ended_at IS NULL"""
# Rows for a statement about %(members)s of %(organization)s: who of them is an administrator, and who the one for emergencies.
DUTIES: Final = f"""
SELECT 'administrator', NULL::uuid, held.member_id FROM {_HELD} AND held.member_id = ANY (%(members)s)
UNION ALL SELECT 'break_glass', NULL, break_glass_id FROM identity_organization
  WHERE id = %(organization)s AND sign_on = '{Organization.SignOn.SINGLE_SIGN_ON.value}' AND break_glass_id = ANY (%(members)s)
"""  # noqa: S608 - built from constants alone


def duties_of(member: Member) -> Duties:
    """Return what hangs on the member, for somebody who only asks. The tenancy must be set."""
    return duties_of_each(member.organization_id, [member])[member.pk]


def duties_of_each(organization_id: UUID, members: Sequence[Member]) -> dict[UUID, Duties]:
    """Return what hangs on each of the members of the organization, if they left alone, by their ids."""
    values = {"organization": organization_id, "members": [member.pk for member in members]}
    held = {(kind, member_id) for kind, _, member_id in tenancy.asked(DUTIES, values)}
    return {
        member.pk: Duties(
            ("administrator", member.pk) in held and not others_administer(member),
            ("break_glass", member.pk) in held,
        )
        for member in members
    }


def duties_of_leavers(
    members: Sequence[Member], *, administrators: Container[UUID], break_glass: Container[UUID]
) -> list[tuple[Member, Duties]]:
    """Return with each of the members, who have gone in this order and in this transaction, what hangs on them; DUTIES are known by id.

    Whoever takes another administrator away at this moment waits for us, or we for them: each would see the other's left.
    """
    last = next((member for member in reversed(members) if member.pk in administrators), None)
    if last is not None:
        hold_administrators(last.organization_id)
    left_alone = last is not None and not others_administer(last)
    return [(member, Duties(left_alone and member is last, member.pk in break_glass)) for member in members]


def refuse_last_administrator(
    *members: Member, actor: Actor, despite: bool, at: datetime | None = None
) -> None:
    """Raise LastAdministrator where a person would put out an organization's last administrators and has not said that they mean it.

    `at` is when they would go, if that is later: then whoever leaves before counts for nothing.
    A machine is never refused, since a leaver who stays in is an open door: then, as with `despite`, `gone` alarms the operators.
    """
    active = [member for member in members if member.is_active]
    if despite or actor.kind not in _PEOPLE or not active:
        return
    organization_id = active[0].organization_id
    held = RoleAssignment.objects.filter(
        organization=organization_id, role__name=ADMINISTRATOR, ended_at__isnull=True
    )
    if not held.filter(member__in=active).exists():
        return
    hold_administrators(organization_id)
    if not others_administer(*active, at=at):
        raise LastAdministrator(
            "This is the organization's last administrator: make somebody else administrator first, or say that you mean it.",
            field="despite_last_administrator",
        )


def gone(member: Member, duties: Duties, *, actor: Actor) -> None:
    """Alarm whoever must take over; in the transaction of the departure."""
    if duties.last_administrator:
        _without_administrator(member, actor)
    if duties.break_glass:
        _without_break_glass(member, actor)


def _without_administrator(member: Member, actor: Actor) -> None:
    organization = Organization.objects.get(pk=member.organization_id)
    _record(Event.ORGANIZATION_WITHOUT_ADMINISTRATOR, organization, member, actor)
    body = (
        f"{organization.name} ({organization.slug}) has no active administrator any more: {member.user_name} was the last one.\n\n"
        "Make somebody of the organization its administrator, or reinstate this one.\n"
    )
    _write(
        Q(organization__is_operating=True), "without_administrator", member.pk,
        f"{organization.name} has no administrator", body,
    )  # fmt: skip


def _without_break_glass(member: Member, actor: Actor) -> None:
    organization = Organization.objects.get(pk=member.organization_id)
    _record(Event.ORGANIZATION_WITHOUT_BREAK_GLASS, organization, member, actor)
    body = (
        f"{member.user_name} was the break-glass administrator of {organization.name} ({organization.slug}) and is out. "
        "Nobody there can come in any more when single sign-on fails.\n\nName another break-glass administrator.\n"
    )
    _write(
        Q(organization__is_operating=True) | Q(organization=organization), "without_break_glass", member.pk,
        f"{organization.name} has no break-glass administrator", body,
    )  # fmt: skip


def break_glass_used(member: Member, *, actor: Actor) -> None:
    """Record that somebody came in by the break-glass password, and write to administrators and operators; in the sign-in's transaction."""
    organization = member.organization
    _record(Event.SIGN_IN_BREAK_GLASS, organization, member, actor)
    body = (
        f"{member.user_name} has just signed in to {organization.name} ({organization.slug}) with the break-glass password, "
        "although the organization lets people in by single sign-on alone.\n\n"
        "If nobody expected this, end the member's sessions and change the password now. The record holds address and browser.\n"
    )
    _write(
        Q(organization__is_operating=True) | Q(organization=organization), "break_glass_used", member.pk,
        f"The break-glass password of {organization.name} was used", body,
    )  # fmt: skip


def tell_administrators(
    organization_id: UUID, *, kind: str, about: UUID, subject: str, body: str
) -> list[str]:
    """Queue a message to the organization's active administrators, and to the operators where it has none that can be written to.

    Returns the addresses of its own.
    """
    theirs = _write(Q(organization=organization_id), kind, about, subject, body)
    if not theirs:
        _write(Q(organization__is_operating=True), kind, about, subject, body)
    return theirs


def _record(event: Event, organization: Organization, member: Member, actor: Actor) -> None:
    record(
        event,
        organization_id=organization.pk,
        actor=actor,
        subject=Subject("organization", str(organization.pk), organization.name),
        data={"member": str(member.pk)},
    )


def _write(whom: Q, kind: str, about: UUID, subject: str, body: str) -> list[str]:
    """Queue a message to each active administrator of the organizations meant, as mail of the organization that they are in.

    Returns their addresses.
    """
    with tenancy.everywhere("administrators to write to"):
        held = RoleAssignment.objects.filter(
            whom, role__name=ADMINISTRATOR, ended_at__isnull=True, member__state=Member.State.ACTIVE
        ).exclude(member__email="")
        found = list(held.values_list("organization_id", "member__email").distinct())
        for organization_id, address in found:
            mail.queue(organization_id, kind=kind, about=about, to=address, subject=subject, body=body)
    return sorted(address for _, address in found)
