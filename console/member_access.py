"""An administrator's edit of what one member may touch: grants and roles."""

from collections.abc import Iterable
from uuid import UUID

from django.http import HttpResponse

from console import choosing
from console.access import Visit
from console.answers import done, page
from console.members import find
from identity import grants, roles
from identity.errors import Refusal
from identity.grants import GrantSpec
from identity.handing_out import refuse_stronger_roles
from identity.models import Member, Role
from identity.seen import stamp


def edit_grants(visit: Visit, member: UUID) -> HttpResponse:
    """Show resources with a check box for each permission; a POST gives what is checked of these and ends the others of these."""
    found = find(visit, member)
    refusal = None
    if visit.posted is not None:
        try:
            giving = choosing.specs(visit, visit.posted.getlist("grant"))
            ending = choosing.unchecked(visit, visit.posted.get("shown", ""), giving)
            before = set(grants.held_among(found, [*giving, *ending]))
            seen = visit.posted.get("seen", "")
            grants.edit(found, giving=giving, ending=ending, actor=visit.actor, seen=seen)
        except Refusal as error:
            refusal = error
        else:
            return done(visit, _told(found, before, giving, ending), "member", member=member)
    offer = choosing.offer_around(visit, found)
    values = {
        "member": found,
        "offer": offer,
        "q": choosing.searched(visit),
        "refusal": refusal,
        "shown_max": choosing.ROWS_MAX,
        "seen": stamp(offer.grants),
    }
    return page(visit, "member_access.html", values, status=400 if refusal else 200)


def edit_roles(visit: Visit, member: UUID) -> HttpResponse:
    """Show the roles as check boxes; a POST gives the member exactly those."""
    found = find(visit, member)
    held = {assignment.role_id: assignment for assignment in roles.open_roles(found)}
    refusal = None
    if visit.posted is not None:
        try:
            wanted = visit.posted.getlist("role")
            refuse_stronger_roles(
                visit,
                visit.organization,
                set(wanted) ^ {assignment.role.name for assignment in held.values()},
            )
            roles.replace(found, wanted, actor=visit.actor, seen=visit.posted.get("seen", ""))
        except Refusal as error:
            refusal = error
        else:
            return done(visit, f"The roles of {found.display_name} are saved.", "member", member=member)
    every = Role.objects.filter(organization=visit.organization).order_by("-built_in", "name")
    values = {
        "member": found,
        "roles": [(role, held.get(role.pk)) for role in every],
        "refusal": refusal,
        "seen": stamp(assignment.pk for assignment in held.values()),
    }
    return page(visit, "member_roles.html", values, status=400 if refusal else 200)


def _told(
    member: Member, before: set[GrantSpec], giving: Iterable[GrantSpec], ending: Iterable[GrantSpec]
) -> str:
    given, ended = len(set(giving) - before), len(before.intersection(ending))
    if not given and not ended:
        return f"Nothing changed: {member.display_name} keeps the same access."
    return f"The access of {member.display_name} is saved: {given} given, {ended} ended."
