"""First permissions by rule: what a newcomer gets from the directory or connection that brought them, else from the organization."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from audit.record import Actor, record_all
from identity import first_access, grants, roles
from identity.first_access import Applied, Wanted
from identity.grants import GrantSpec
from identity.models import FirstAccess, Member, Role
from identity.models.access import Origin


def give(
    member: Member,
    *,
    actor: Actor,
    source: Mapping[str, Any] | None,
    fallback: Mapping[str, Any],
    origin: str = Origin.DIRECTORY_DEFAULT,
) -> Applied:
    """Give a member just created the defaults: for each aspect the source's (connection, directory), else the organization's.

    The stage was claimed with the member's creation (identity.arrivals), so this happens once; the caller holds the transaction.
    """
    own, other = Wanted.parse(source or {}), Wanted.parse(fallback)
    specs, specs_origin = (
        (own.grants, origin) if own.grants is not None else (other.grants, Origin.ORGANIZATION_DEFAULT)
    )
    names, names_origin = (
        (own.roles, origin) if own.roles is not None else (other.roles, Origin.ORGANIZATION_DEFAULT)
    )
    given_grants, refused_grants = (
        first_access.give_grants(member, specs, specs_origin, actor) if specs else first_access.NO_GRANTS
    )
    given_roles, refused_roles = (
        first_access.give_roles(member, names, names_origin, actor) if names else first_access.NO_ROLES
    )
    return Applied(given_grants, given_roles, refused_grants, refused_roles, (FirstAccess.Stage.DEFAULTS,))


def give_all(
    newcomers: Sequence[Member],
    defaults: Mapping[str, Any],
    *,
    actor: Actor,
    without_roles: Collection[UUID] = (),
) -> None:
    """Do that for many members of one organization just created by a list, with a statement for each thing, not for each member.

    `without_roles` are those for whom the list itself names the roles.
    """
    if newcomers:
        wanted = Wanted.parse(defaults)
        _give_grants_all(newcomers, wanted.grants or (), Origin.ORGANIZATION_DEFAULT, actor)
        without_own = [member for member in newcomers if member.pk not in without_roles]
        _give_roles_all(without_own, wanted.roles or (), Origin.ORGANIZATION_DEFAULT, actor)


def give_directory_all(
    newcomers: Sequence[Member], *, source: Mapping[str, Any], fallback: Mapping[str, Any], actor: Actor
) -> None:
    """Do that for many members whom a directory brought: for each aspect the directory's defaults, else the organization's."""
    own, other = Wanted.parse(source), Wanted.parse(fallback)
    specs, origin = (
        (own.grants, Origin.DIRECTORY_DEFAULT)
        if own.grants is not None
        else (other.grants, Origin.ORGANIZATION_DEFAULT)
    )
    _give_grants_all(newcomers, specs or (), origin, actor)
    names, origin = (
        (own.roles, Origin.DIRECTORY_DEFAULT)
        if own.roles is not None
        else (other.roles, Origin.ORGANIZATION_DEFAULT)
    )
    _give_roles_all(newcomers, names or (), origin, actor)


def _give_grants_all(
    newcomers: Sequence[Member], specs: Sequence[GrantSpec], origin: str, actor: Actor
) -> None:
    if not newcomers or not specs:
        return
    resolved = grants.resolve(newcomers[0].organization_id, specs)
    found = [(resource, spec.permission) for spec, resource in resolved.found.items()]
    grants.give_all([(member, *given) for member in newcomers for given in found], origin, actor=actor)
    record_all(
        first_access.refused_grant(member, spec, reason, origin, actor)
        for member in newcomers
        for spec, reason in resolved.unknown.items()
    )


def _give_roles_all(newcomers: Sequence[Member], wanted: Sequence[str], origin: str, actor: Actor) -> None:
    if not newcomers or not wanted:
        return
    organization_id = newcomers[0].organization_id
    names = list(dict.fromkeys(wanted))
    known = {role.name: role for role in Role.objects.filter(organization=organization_id, name__in=names)}
    roles.give_all([(member, role) for member in newcomers for role in known.values()], origin, actor=actor)
    record_all(
        first_access.refused_role(member, name, origin, actor)
        for member in newcomers
        for name in names
        if name not in known
    )
