"""What the database says about a list of access to give and take: read once, in a handful of statements, whatever the number of lines."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from django.db.models import Q

from identity import grants
from identity.errors import UnknownResource, UnknownRole
from identity.grants import GrantSpec, Resolved
from identity.models import Grant, Member, Role, RoleAssignment
from identity.profile import key_of
from identity.roles import ADMINISTRATOR, administrators, hold_administrators

_WHY: Final = {
    "unknown_kind": ("kind", "The organization has no kind {0.kind}."),
    "unknown_permission": ("permission", "A {0.kind} has no permission {0.permission}."),
    "unknown_resource": ("id", "No {0.kind} {0.key} is registered for this organization."),
}


@dataclass(slots=True)
class Rows:
    """Members who are not offboarded, by id; the resources and roles named; what the members hold of them; who administers."""

    members: dict[UUID, Member]
    by_name: dict[str, UUID]
    resolved: Resolved
    grants: dict[tuple[UUID, GrantSpec], Grant]
    roles: dict[str, Role]
    held: dict[tuple[UUID, str], RoleAssignment]
    administrators: set[UUID]

    @classmethod
    def read(
        cls,
        organization_id: UUID,
        people: Iterable[str | UUID],
        things: Iterable[GrantSpec | str],
        *,
        lock: bool,
    ) -> Self:
        """Read what the list names; the tenancy must be set. `lock` locks the members."""
        people, things = set(people), set(things)
        ids = {who for who in people if isinstance(who, UUID)}
        names = {key_of(who) for who in people if isinstance(who, str)}
        rows = Member.objects.select_for_update(no_key=True) if lock else Member.objects.all()
        present = rows.filter(
            Q(pk__in=ids) | Q(user_name_key__in=names), organization=organization_id
        ).exclude(state=Member.State.OFFBOARDED)
        # In one order, so that two lists at once don't wait for each other.
        members = {member.pk: member for member in present.order_by("pk")}
        mine = Q(organization=organization_id, ended_at__isnull=True)
        held_grants = Grant.objects.filter(mine, member__in=members).select_related(
            "resource__kind", "member"
        )
        role_names = {thing for thing in things if isinstance(thing, str)}
        held_roles = RoleAssignment.objects.filter(mine, member__in=members, role__name__in=role_names)
        if lock and ADMINISTRATOR in role_names:
            hold_administrators(organization_id)
        return cls(
            members,
            {member.user_name_key: member.pk for member in members.values()},
            grants.resolve(organization_id, [thing for thing in things if isinstance(thing, GrantSpec)]),
            {
                (
                    grant.member_id,
                    GrantSpec(grant.resource.kind.name, grant.resource.key, grant.permission),
                ): grant
                for grant in held_grants
            },
            {
                role.name: role
                for role in Role.objects.filter(organization=organization_id, name__in=role_names)
            },
            {(held.member_id, held.role.name): held for held in held_roles.select_related("role", "member")},
            set(administrators(organization_id).values_list("member_id", flat=True))
            if ADMINISTRATOR in role_names
            else set(),
        )

    def member(self, who: str | UUID) -> Member | None:
        """Return whom a line names, by id or by user name."""
        found = who if isinstance(who, UUID) else self.by_name.get(key_of(who))
        return None if found is None else self.members.get(found)

    def note_role(self, member: Member, name: str, *, holds: bool) -> None:
        """Keep account of who administers while a list gives and takes roles."""
        if name != ADMINISTRATOR or not member.is_active:
            return
        if holds:
            self.administrators.add(member.pk)
        else:
            self.administrators.discard(member.pk)

    def refuse_unknown(self, what: GrantSpec | str) -> None:
        """Raise UnknownResource or UnknownRole where the organization has nothing of that name."""
        if isinstance(what, str):
            if what not in self.roles:
                raise UnknownRole(f"The organization has no role {what}.", field="role")
        elif what in self.resolved.unknown:
            field, message = _WHY[self.resolved.unknown[what]]
            raise UnknownResource(message.format(what), field=field)
