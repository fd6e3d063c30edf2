"""Nobody hands out more than they hold: the rule for whoever gives or takes roles, scopes and capabilities, through whichever door.

Why: docs/decisions/who-renames-whom.md.
"""

from collections.abc import Iterable
from typing import Final, Protocol
from uuid import UUID

from django.db.models import Q

from identity import tenancy
from identity.access_sql import ROLES_BROUGHT
from identity.errors import Forbidden
from identity.models import Member, Organization, Role, RoleAssignment
from identity.roles import ADMINISTRATOR

# Stands among the capabilities of whoever runs the whole server. No role names it:
# the administrator's of the operating organization brings it.
OPERATOR: Final = "operator"
STRONGER: Final = "This member may do more than you: ask somebody who may do as much to change how they are known or get in."


class Holder(Protocol):
    """Somebody who acts, as each door knows them: a caller of the API, a visitor of the console."""

    @property
    def capabilities(self) -> frozenset[str]:
        """Return what they may do themselves."""


def refuse_more_than_own(holder: Holder, capabilities: Iterable[str], field: str) -> None:
    """Raise Forbidden, naming `field`, where one of the capabilities is not the holder's own: nobody raises anybody above themselves."""
    missing = sorted(set(capabilities) - holder.capabilities)
    if missing:
        raise Forbidden(f"You cannot give or take {missing[0]}, which you do not have.", field=field)


def refuse_stronger_roles(
    holder: Holder, organization: Organization, names: Iterable[str], field: str = "roles"
) -> None:
    """Raise Forbidden where one of the roles holds a capability that the holder lacks. Unknown names are the verb's to refuse."""
    with tenancy.of(organization):
        held = Role.objects.filter(organization=organization, name__in=list(names))
        brought = {capability for role in held for capability in role.capabilities}
        if organization.is_operating and any(role.name == ADMINISTRATOR for role in held):
            brought.add(OPERATOR)
        refuse_more_than_own(holder, brought, field)


def roles_beyond(holder: Holder, organization_id: UUID) -> list[str]:
    """Return the names of the organization's roles that hold something that the holder lacks. The tenancy must be set."""
    beyond = ~Q(capabilities__contained_by=sorted(holder.capabilities))
    if OPERATOR not in holder.capabilities:
        beyond |= Q(organization__is_operating=True, name=ADMINISTRATOR)
    return list(Role.objects.filter(beyond, organization=organization_id).values_list("name", flat=True))


def refuse_stronger_person(holder: Holder, member: Member, field: str = "") -> None:
    """Raise Forbidden, naming `field`, where the member may do something that the holder may not, or will once they are let in again.

    For whoever says by which name, address, NameID or factor somebody gets in: they can get in as them.
    """
    if stronger_people(holder, member.organization_id, [member.pk]):
        raise Forbidden(STRONGER, field=field)


def stronger_people(holder: Holder, organization_id: UUID, members: Iterable[UUID]) -> set[UUID]:
    """Return which of the members have a role of their own or by a group, dormant or not, with a capability that the holder lacks."""
    wanted = list(members)
    with tenancy.of(organization_id):
        names = roles_beyond(holder, organization_id)
        if not names or not wanted:
            return set()
        own = RoleAssignment.objects.filter(
            organization=organization_id, member__in=wanted, role__name__in=names, ended_at__isnull=True
        )
        values = {"organization": organization_id, "members": wanted, "roles": names}
        by_groups = {member for member, _ in tenancy.read(organization_id, ROLES_BROUGHT, values)}
        return by_groups | set(own.values_list("member_id", flat=True))
