"""First permissions: applied once, and then the administrators'.

Strongest first: an administrator's own edit › what the identity provider asserted › the defaults of the connection or
directory › the defaults of the organization. Defaults come when the member is created; the asserted set takes their
place once, grants and roles each for itself. What an administrator gave, confirmed or took away is *held*, and no machine path
touches it. From a directory that administrators let go on assigning, `follow` takes every further assertion in the same way.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, Subject, record_all
from identity import grants, roles, tenancy
from identity.errors import Invalid, Offboarded
from identity.grants import GrantSpec
from identity.models import FirstAccess, Grant, Member, Role, RoleAssignment
from identity.models.access import Origin

_Grants = tuple[tuple[GrantSpec, ...], dict[GrantSpec, str]]
_Roles = tuple[tuple[str, ...], tuple[str, ...]]
_NO_GRANTS: _Grants = ((), {})
_NO_ROLES: _Roles = ((), ())


@dataclass(frozen=True, slots=True)
class Wanted:
    """A set of first permissions. None for an aspect that the source says nothing about; empty for "none"."""

    grants: tuple[GrantSpec, ...] | None = None
    roles: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> "Wanted":
        """Read {"grants": [{"kind", "id", "permission"}], "roles": [name]}, either left out. Raises Invalid."""
        try:
            specs = value.get("grants")
            names = value.get("roles")
            wanted = cls(
                None
                if specs is None
                else tuple(GrantSpec(spec["kind"], spec["id"], spec["permission"]) for spec in specs),
                None if names is None else tuple(names),
            )
        except (KeyError, TypeError, AttributeError) as error:
            message = "Defaults are {grants: [{kind, id, permission}], roles: [name]}."
            raise Invalid(message, field="defaults") from error
        texts = [text for spec in wanted.grants or () for text in (spec.kind, spec.key, spec.permission)]
        if not all(isinstance(text, str) for text in (*texts, *(wanted.roles or ()))):
            message = "Kinds, ids, permissions and roles in defaults are texts."
            raise Invalid(message, field="defaults")
        return wanted


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of it: specs and role names that were given, and those that name nothing here, each with a reason."""

    grants: tuple[GrantSpec, ...] = ()
    roles: tuple[str, ...] = ()
    refused_grants: dict[GrantSpec, str] = field(default_factory=dict)
    refused_roles: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of an assertion that is followed. `changed`: something was given or ended.

    `disputed` are the specs and role names on which an administrator said otherwise, and `unknown` those that name nothing here.
    """

    changed: bool = False
    disputed: tuple[GrantSpec | str, ...] = ()
    unknown: tuple[GrantSpec | str, ...] = ()


def give_defaults(
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
    given_grants, refused_grants = _give_grants(member, specs, specs_origin, actor) if specs else _NO_GRANTS
    given_roles, refused_roles = _give_roles(member, names, names_origin, actor) if names else _NO_ROLES
    return Applied(given_grants, given_roles, refused_grants, refused_roles, (FirstAccess.Stage.DEFAULTS,))


def give_defaults_all(
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


def give_directory_defaults_all(
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
        _refused_grant(member, spec, reason, origin, actor)
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
        _refused_role(member, name, origin, actor)
        for member in newcomers
        for name in names
        if name not in known
    )


def apply_asserted(member: Member, wanted: Wanted, *, actor: Actor, final: bool = True) -> Applied:
    """Put what the identity provider asserted in the place of the defaults, the first time only.

    An aspect it says nothing about (None) keeps its defaults; `final` (a sign-in) closes that aspect too, so that a
    later assertion changes nothing. Resources and roles that the organization does not have give no access and are recorded.
    """
    with tenancy.change(member.organization_id):
        if _is_settled(member):
            # Each later sign-in: what was applied once stays applied, so nothing need be locked to know it.
            return Applied()
        member = Member.objects.select_for_update().get(pk=member.pk)
        given_grants, refused_grants = _NO_GRANTS
        given_roles, refused_roles = _NO_ROLES
        stages: list[str] = []
        if (wanted.grants is not None or final) and _begin(
            member, FirstAccess.Stage.ASSERTED_GRANTS, Origin.ASSERTED
        ):
            stages.append(FirstAccess.Stage.ASSERTED_GRANTS)
            if wanted.grants is not None:
                grants.end(member, list(grants.open_grants(member).filter(held=False)), actor=actor)
                given_grants, refused_grants = _give_grants(member, wanted.grants, Origin.ASSERTED, actor)
        if (wanted.roles is not None or final) and _begin(
            member, FirstAccess.Stage.ASSERTED_ROLES, Origin.ASSERTED
        ):
            stages.append(FirstAccess.Stage.ASSERTED_ROLES)
            if wanted.roles is not None:
                roles.end(member, list(_open_roles(member).filter(held=False)), actor=actor)
                given_roles, refused_roles = _give_roles(member, wanted.roles, Origin.ASSERTED, actor)
        return Applied(given_grants, given_roles, refused_grants, refused_roles, tuple(stages))


def follow(member: Member, wanted: Wanted, *, actor: Actor) -> Followed:
    """Bring the member's access to what the identity provider asserts, each time it asserts something; None leaves an aspect alone.

    What machines gave and the assertion leaves out ends; what an administrator holds stays as they said, given or taken away. A grant on
    a retired resource is not spoken of. Raises Offboarded, LastAdministrator.
    """
    with tenancy.change(member.organization_id):
        member = Member.objects.select_for_update().get(pk=member.pk)
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
        member = Member.objects.select_for_update().get(pk=member.pk)
        given = grants.open_grants(member).filter(held=False, origin=Origin.ASSERTED) if grants_too else []
        assigned = _open_roles(member).filter(held=False, origin=Origin.ASSERTED) if roles_too else []
        ended, over = list(given), [held for held in assigned if held.role.name != sparing]
        if any(held.role.name == roles.ADMINISTRATOR for held in over):
            roles.check_last_administrator(member)
        grants.end(member, ended, actor=actor)
        roles.end(member, over, actor=actor)
    return bool(ended or over)


def _follow_grants(member: Member, specs: tuple[GrantSpec, ...], actor: Actor) -> Followed:
    _begin(member, FirstAccess.Stage.ASSERTED_GRANTS, Origin.ASSERTED)
    there = {
        GrantSpec(grant.resource.kind.name, grant.resource.key, grant.permission): grant
        for grant in grants.open_grants(member).filter(resource__retired_at__isnull=True)
    }
    over = {spec: grant for spec, grant in there.items() if spec not in specs}
    ended = [grant for grant in over.values() if not grant.held]
    grants.end(member, ended, actor=actor)
    given, unknown = _give_grants(member, specs, Origin.ASSERTED, actor)
    taken_away = [spec for spec in dict.fromkeys(specs) if spec not in {*given, *unknown, *there}]
    kept = [spec for spec, grant in over.items() if grant.held]
    return Followed(bool(ended or given), (*kept, *taken_away), tuple(unknown))


def _follow_roles(member: Member, names: tuple[str, ...], actor: Actor) -> Followed:
    _begin(member, FirstAccess.Stage.ASSERTED_ROLES, Origin.ASSERTED)
    there = {held.role.name: held for held in _open_roles(member)}
    over = {name: held for name, held in there.items() if name not in names}
    ended = [held for held in over.values() if not held.held]
    if any(held.role.name == roles.ADMINISTRATOR for held in ended):
        roles.check_last_administrator(member)
    roles.end(member, ended, actor=actor)
    given, unknown = _give_roles(member, names, Origin.ASSERTED, actor)
    taken_away = [name for name in dict.fromkeys(names) if name not in {*given, *unknown, *there}]
    kept = [name for name, held in over.items() if held.held]
    return Followed(bool(ended or given), (*kept, *taken_away), tuple(unknown))


def give_invited(member: Member, wanted: Wanted, *, actor: Actor) -> Applied:
    """Give what an invitation came with and the member lacks; the caller holds the transaction.

    What an administrator has spoken about since stays as they said.
    """
    Member.objects.select_for_update().get(pk=member.pk)
    given_grants, refused_grants = _give_grants(member, wanted.grants or (), Origin.INVITATION, actor)
    given_roles, refused_roles = _give_roles(member, wanted.roles or (), Origin.INVITATION, actor)
    return Applied(given_grants, given_roles, refused_grants, refused_roles)


def _is_settled(member: Member) -> bool:
    """Tell whether both aspects were applied before."""
    both = (FirstAccess.Stage.ASSERTED_GRANTS, FirstAccess.Stage.ASSERTED_ROLES)
    applied = FirstAccess.objects.filter(organization=member.organization_id, member=member, stage__in=both)
    return applied.count() == len(both)


def _begin(member: Member, stage: str, origin: str) -> bool:
    """Claim the stage for this member; False when it was applied before, by whomever."""
    if FirstAccess.objects.filter(organization=member.organization_id, member=member, stage=stage).exists():
        return False
    made = FirstAccess(
        organization_id=member.organization_id,
        member=member,
        stage=stage,
        origin=origin,
        applied_at=timezone.now(),
    )
    made.save(force_insert=True)
    record_all(
        [
            Line(
                Event.ACCESS_FIRST,
                member.organization_id,
                Actor("job", "first_access", "first permissions"),
                _subject(member),
                data={"stage": stage, "origin": origin},
            )
        ]
    )
    return True


def _give_grants(member: Member, specs: Iterable[GrantSpec], origin: str, actor: Actor) -> _Grants:
    resolved = grants.resolve(member.organization_id, specs)
    spoken_for = set(
        Grant.objects.filter(organization=member.organization_id, member=member, held=True).values_list(
            "resource_id", "permission"
        )
    )
    spoken_for |= {(grant.resource_id, grant.permission) for grant in grants.open_grants(member)}
    allowed = {
        spec: resource
        for spec, resource in resolved.found.items()
        if (resource.pk, spec.permission) not in spoken_for
    }
    grants.give(
        member, [(resource, spec.permission) for spec, resource in allowed.items()], origin, actor=actor
    )
    record_all(
        _refused_grant(member, spec, reason, origin, actor) for spec, reason in resolved.unknown.items()
    )
    return tuple(allowed), resolved.unknown


def _give_roles(member: Member, names: Iterable[str], origin: str, actor: Actor) -> _Roles:
    wanted = list(dict.fromkeys(names))
    known = {
        role.name: role for role in Role.objects.filter(organization=member.organization_id, name__in=wanted)
    }
    spoken_for = set(
        RoleAssignment.objects.filter(
            organization=member.organization_id, member=member, held=True
        ).values_list("role__name", flat=True)
    )
    spoken_for |= {held.role.name for held in _open_roles(member)}
    allowed = [known[name] for name in wanted if name in known and name not in spoken_for]
    refused = tuple(name for name in wanted if name not in known)
    roles.give(member, allowed, origin, actor=actor)
    record_all(_refused_role(member, name, origin, actor) for name in refused)
    return tuple(role.name for role in allowed), refused


def _refused_grant(member: Member, spec: GrantSpec, reason: str, origin: str, actor: Actor) -> Line:
    return Line(
        Event.GRANT_REFUSE,
        member.organization_id,
        actor,
        _subject(member),
        outcome="refused",
        reason=reason,
        data={"kind": spec.kind, "resource": spec.key, "permission": spec.permission, "origin": origin},
    )


def _refused_role(member: Member, name: str, origin: str, actor: Actor) -> Line:
    return Line(
        Event.ROLE_REFUSE,
        member.organization_id,
        actor,
        _subject(member),
        outcome="refused",
        reason="unknown_role",
        data={"role": name, "origin": origin},
    )


def _open_roles(member: Member):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a query set
    return RoleAssignment.objects.filter(
        organization=member.organization_id, member=member, ended_at__isnull=True
    ).select_related("role")


def _subject(member: Member) -> Subject:
    return Subject("member", str(member.pk), member.user_name)
