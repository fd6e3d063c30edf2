"""Access that an identity provider goes on assigning: each assertion counts, and not the first one alone.

What an administrator gave, confirmed or took away is *held* here too, and no machine path touches it.
"""

from dataclasses import dataclass

from audit.record import Actor
from identity import first_access, grants, member_row, roles, tenancy
from identity.errors import Offboarded
from identity.first_access import Wanted
from identity.grants import GrantSpec
from identity.models import FirstAccess, Member
from identity.models.access import Origin


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of an assertion that is followed. `changed`: something was given or ended.

    `disputed` are the specs and role names on which an administrator said otherwise, and `unknown` those that name nothing here.
    """

    changed: bool = False
    disputed: tuple[GrantSpec | str, ...] = ()
    unknown: tuple[GrantSpec | str, ...] = ()


def follow(member: Member, wanted: Wanted, *, actor: Actor) -> Followed:
    """Bring the member's access to what the identity provider asserts, each time it asserts something; None leaves an aspect alone.

    What machines gave and the assertion leaves out ends; what an administrator holds stays as they said, given or taken away. A grant on
    a retired resource is not spoken of. Raises Offboarded, LastAdministrator.
    """
    with tenancy.change(member.organization_id):
        member = member_row.lock(member)
        if member.state == Member.State.OFFBOARDED:
            message = "This member is offboarded: reinstate them before giving access."
            raise Offboarded(message)
        of_grants = _follow_grants(member, wanted.grants, actor) if wanted.grants is not None else Followed()
        of_roles = _follow_roles(member, wanted.roles, actor) if wanted.roles is not None else Followed()
    return Followed(
        of_grants.changed or of_roles.changed,
        of_grants.disputed + of_roles.disputed,
        of_grants.unknown + of_roles.unknown,
    )


def fall_silent(
    member: Member, *, grants_too: bool, roles_too: bool, actor: Actor, sparing: str = ""
) -> bool:
    """End what an identity provider asserted before, for the aspects of which it is the source and says nothing now; tells whether any did.

    Identity providers leave an attribute out when it is empty: the last role withdrawn is a role not mentioned. Defaults were never
    theirs and stay, as do what an administrator holds and the role `sparing`. Raises LastAdministrator.
    """
    with tenancy.change(member.organization_id):
        member = member_row.lock(member)
        given = grants.open_grants(member).filter(held=False, origin=Origin.ASSERTED) if grants_too else []
        assigned = roles.open_roles(member).filter(held=False, origin=Origin.ASSERTED) if roles_too else []
        ended, over = list(given), [held for held in assigned if held.role.name != sparing]
        if any(held.role.name == roles.ADMINISTRATOR for held in over):
            roles.check_last_administrator(member)
        grants.end(member, ended, actor=actor)
        roles.end(member, over, actor=actor)
    return bool(ended or over)


def _follow_grants(member: Member, specs: tuple[GrantSpec, ...], actor: Actor) -> Followed:
    first_access.begin(member, [FirstAccess.Stage.ASSERTED_GRANTS], Origin.ASSERTED)
    there = {
        GrantSpec(grant.resource.kind.name, grant.resource.key, grant.permission): grant
        for grant in grants.open_grants(member).filter(resource__retired_at__isnull=True)
    }
    over = {spec: grant for spec, grant in there.items() if spec not in specs}
    ended = [grant for grant in over.values() if not grant.held]
    grants.end(member, ended, actor=actor)
    given, unknown = first_access.give_grants(member, specs, Origin.ASSERTED, actor)
    taken_away = [spec for spec in dict.fromkeys(specs) if spec not in {*given, *unknown, *there}]
    kept = [spec for spec, grant in over.items() if grant.held]
    return Followed(bool(ended or given), (*kept, *taken_away), tuple(unknown))


def _follow_roles(member: Member, names: tuple[str, ...], actor: Actor) -> Followed:
    first_access.begin(member, [FirstAccess.Stage.ASSERTED_ROLES], Origin.ASSERTED)
    there = {held.role.name: held for held in roles.open_roles(member)}
    over = {name: held for name, held in there.items() if name not in names}
    ended = [held for held in over.values() if not held.held]
    if any(held.role.name == roles.ADMINISTRATOR for held in ended):
        roles.check_last_administrator(member)
    roles.end(member, ended, actor=actor)
    given, unknown = first_access.give_roles(member, names, Origin.ASSERTED, actor)
    taken_away = [name for name in dict.fromkeys(names) if name not in {*given, *unknown, *there}]
    kept = [name for name, held in over.items() if held.held]
    return Followed(bool(ended or given), (*kept, *taken_away), tuple(unknown))
