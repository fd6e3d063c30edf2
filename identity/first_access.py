"""First permissions: applied once, and then the administrators'.

Strongest first: an administrator's own edit › what the identity provider asserted › the defaults of the connection or
directory › the defaults of the organization. Defaults come when the member is created; the asserted set takes their
place once, grants and roles each for itself. What an administrator gave, confirmed or took away is *held*, and no machine path
touches it. The defaults are in identity.first_defaults; a directory that goes on assigning is in identity.followed_access.
Why: docs/decisions/first-permissions.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils import timezone

from audit.events import Event
from audit.ids import uuid7
from audit.record import Actor, Line, record_all
from identity import grants, member_row, roles, tenancy
from identity.errors import Invalid
from identity.grants import GrantSpec
from identity.member_row import subject_of
from identity.models import FirstAccess, Grant, Member, Role, RoleAssignment
from identity.models.access import Origin

_Grants = tuple[tuple[GrantSpec, ...], dict[GrantSpec, str]]
_Roles = tuple[tuple[str, ...], tuple[str, ...]]
_CLAIM: Final = """
INSERT INTO identity_firstaccess (id, organization_id, member_id, stage, origin, applied_at)
SELECT id, %(organization)s, %(member)s, stage, %(origin)s, %(now)s FROM unnest(%(ids)s::uuid[], %(stages)s::text[]) AS row (id, stage)
    ON CONFLICT (organization_id, member_id, stage) DO NOTHING
RETURNING stage
"""
NO_GRANTS: _Grants = ((), {})
NO_ROLES: _Roles = ((), ())


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
    """What came of it: specs and role names that were given, and those that name nothing here, each with a reason.

    `spared` are roles that stayed although others were asserted: the last administrator's.
    """

    grants: tuple[GrantSpec, ...] = ()
    roles: tuple[str, ...] = ()
    refused_grants: dict[GrantSpec, str] = field(default_factory=dict)
    refused_roles: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()


def apply_asserted(member: Member, wanted: Wanted, *, actor: Actor, final: bool = True) -> Applied:
    """Put what the identity provider asserted in the place of the defaults, the first time only.

    An aspect it says nothing about (None) keeps its defaults; `final` (a sign-in) closes that aspect too, so that a
    later assertion changes nothing. Resources and roles that the organization does not have give no access and are recorded. Whoever is
    offboarded is given nothing, and the aspect stays open.
    """
    with tenancy.change(member.organization_id):
        if _is_settled(member):
            # Each later sign-in: what was applied once stays applied, so nothing need be locked to know it.
            return Applied()
        member = member_row.lock(member)
        if member.state == Member.State.OFFBOARDED:
            return Applied()
        return _apply(member, wanted, actor, final=final)


def apply_to_newcomer(member: Member, wanted: Wanted, *, actor: Actor) -> Applied:
    """Do what `apply_asserted` does for a member whom the caller's transaction has made: nobody else can know them yet."""
    return _apply(member, wanted, actor, final=True)


def _apply(member: Member, wanted: Wanted, actor: Actor, *, final: bool) -> Applied:
    said = {
        FirstAccess.Stage.ASSERTED_GRANTS.value: wanted.grants is not None,
        FirstAccess.Stage.ASSERTED_ROLES.value: wanted.roles is not None,
    }
    stages = begin(member, [stage for stage, told in said.items() if told or final], Origin.ASSERTED)
    given_grants, refused_grants = NO_GRANTS
    given_roles, refused_roles = NO_ROLES
    spared: tuple[str, ...] = ()
    if FirstAccess.Stage.ASSERTED_GRANTS in stages and wanted.grants is not None:
        grants.end(member, list(grants.open_grants(member).filter(held=False)), actor=actor)
        given_grants, refused_grants = give_grants(member, wanted.grants, Origin.ASSERTED, actor)
    if FirstAccess.Stage.ASSERTED_ROLES in stages and wanted.roles is not None:
        over, spared = _over(member, wanted.roles)
        roles.end(member, over, actor=actor)
        given_roles, refused_roles = give_roles(member, wanted.roles, Origin.ASSERTED, actor)
    return Applied(given_grants, given_roles, refused_grants, refused_roles, tuple(stages), spared)


def _over(member: Member, asserted: Sequence[str]) -> tuple[list[RoleAssignment], tuple[str, ...]]:
    """Return the roles that the asserted ones take the place of, and those that stay all the same.

    An invited first administrator stays one whatever their identity provider calls them: nobody could repair the organization from within.
    """
    over = list(roles.open_roles(member).filter(held=False))
    administers = any(assigned.role.name == roles.ADMINISTRATOR for assigned in over)
    if not administers or roles.ADMINISTRATOR in asserted:
        return over, ()
    roles.hold_administrators(member.organization_id)
    if roles.others_administer(member):
        return over, ()
    return [assigned for assigned in over if assigned.role.name != roles.ADMINISTRATOR], (
        roles.ADMINISTRATOR,
    )


def give_invited(member: Member, wanted: Wanted, *, actor: Actor) -> Applied:
    """Give what an invitation came with and the member lacks; the caller holds the member's lock and the transaction.

    What an administrator has spoken about since stays as they said.
    """
    given_grants, refused_grants = give_grants(member, wanted.grants or (), Origin.INVITATION, actor)
    given_roles, refused_roles = give_roles(member, wanted.roles or (), Origin.INVITATION, actor)
    return Applied(given_grants, given_roles, refused_grants, refused_roles)


def _is_settled(member: Member) -> bool:
    """Tell whether both aspects were applied before."""
    both = (FirstAccess.Stage.ASSERTED_GRANTS, FirstAccess.Stage.ASSERTED_ROLES)
    applied = FirstAccess.objects.filter(organization=member.organization_id, member=member, stage__in=both)
    return applied.count() == len(both)


def begin(member: Member, stages: Sequence[str], origin: str) -> list[str]:
    """Claim the stages for this member; returns those that were not applied before, by whomever."""
    claimed = tenancy.read(
        member.organization_id,
        _CLAIM,
        {
            "organization": member.organization_id, "member": member.pk, "origin": origin, "now": timezone.now(),
            "ids": [uuid7() for _ in stages], "stages": list(stages),
        },
    )  # fmt: skip
    begun = [stage for stage in stages if (stage,) in claimed]
    record_all(
        Line(
            Event.ACCESS_FIRST,
            member.organization_id,
            Actor("job", "first_access", "first permissions"),
            subject_of(member),
            data={"stage": stage, "origin": origin},
        )
        for stage in begun
    )
    return begun


def give_grants(member: Member, specs: Iterable[GrantSpec], origin: str, actor: Actor) -> _Grants:
    """Give the grants that nobody has spoken about; returns those, and what names nothing here with a reason, which is recorded."""
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
        refused_grant(member, spec, reason, origin, actor) for spec, reason in resolved.unknown.items()
    )
    return tuple(allowed), resolved.unknown


def give_roles(member: Member, names: Iterable[str], origin: str, actor: Actor) -> _Roles:
    """Do so for roles, by their names."""
    wanted = list(dict.fromkeys(names))
    known = {
        role.name: role for role in Role.objects.filter(organization=member.organization_id, name__in=wanted)
    }
    spoken_for = set(
        RoleAssignment.objects.filter(
            organization=member.organization_id, member=member, held=True
        ).values_list("role__name", flat=True)
    )
    spoken_for |= {held.role.name for held in roles.open_roles(member)}
    allowed = [known[name] for name in wanted if name in known and name not in spoken_for]
    refused = tuple(name for name in wanted if name not in known)
    roles.give(member, allowed, origin, actor=actor)
    record_all(refused_role(member, name, origin, actor) for name in refused)
    return tuple(role.name for role in allowed), refused


def refused_grant(member: Member, spec: GrantSpec, reason: str, origin: str, actor: Actor) -> Line:
    """Return the entry for a grant on something that is not here."""
    return Line(
        Event.GRANT_REFUSE,
        member.organization_id,
        actor,
        subject_of(member),
        outcome="refused",
        reason=reason,
        data={"kind": spec.kind, "resource": spec.key, "permission": spec.permission, "origin": origin},
    )


def refused_role(member: Member, name: str, origin: str, actor: Actor) -> Line:
    """Return the entry for a role that is not here."""
    return Line(
        Event.ROLE_REFUSE,
        member.organization_id,
        actor,
        subject_of(member),
        outcome="refused",
        reason="unknown_role",
        data={"role": name, "origin": origin},
    )
