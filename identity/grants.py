"""Grants: member, resource, permission, from a beginning to an end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, record_all
from identity import access, member_row, tenancy
from identity.access import Access
from identity.errors import Invalid, UnknownResource
from identity.member_row import subject_of
from identity.models import Grant, Kind, Member, Resource
from identity.models.access import Origin
from identity.seen import refuse_other


@dataclass(frozen=True, slots=True)
class GrantSpec:
    """A grant as people write it: the kind's name, the product's id of the resource, the permission."""

    kind: str
    key: str
    permission: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of the specs: resources found, and specs that name nothing registered here, with the reason."""

    found: dict[GrantSpec, Resource]
    unknown: dict[GrantSpec, str]


def effective(member: Member, at: datetime | None = None) -> list[Access]:
    """Return what the member's access reaches, own and inherited from parents. Dormant access is none: empty unless active (then)."""
    return list(access.what_had(member, at).access)


def resolve(organization_id: UUID, specs: Iterable[GrantSpec]) -> Resolved:
    """Find the resources that specs name. Only what is registered for this very organization is found."""
    wanted = list(dict.fromkeys(specs))
    with tenancy.of(organization_id):
        kinds = {kind.name: kind for kind in Kind.objects.filter(organization=organization_id)}
        resources = {
            (resource.kind_id, resource.key): resource
            for resource in Resource.objects.filter(
                organization=organization_id, key__in={spec.key for spec in wanted}, retired_at__isnull=True
            ).select_related("kind")
        }
    found: dict[GrantSpec, Resource] = {}
    unknown: dict[GrantSpec, str] = {}
    for spec in wanted:
        kind = kinds.get(spec.kind)
        if kind is None:
            unknown[spec] = "unknown_kind"
        elif spec.permission not in kind.permissions:
            unknown[spec] = "unknown_permission"
        elif (kind.pk, spec.key) not in resources:
            unknown[spec] = "unknown_resource"
        else:
            found[spec] = resources[(kind.pk, spec.key)]
    return Resolved(found, unknown)


def named(organization_id: UUID, specs: Iterable[GrantSpec]) -> dict[GrantSpec, Resource]:
    """Return what the specs name. Raises UnknownResource where one names nothing of the organization's."""
    resolved = resolve(organization_id, specs)
    for spec, reason in resolved.unknown.items():
        message = {
            "unknown_kind": f"The organization has no kind {spec.kind}.",
            "unknown_permission": f"A {spec.kind} has no permission {spec.permission}.",
            "unknown_resource": f"No {spec.kind} {spec.key} is registered for this organization.",
        }[reason]
        raise UnknownResource(message, field="grants")
    return resolved.found


def replace(member: Member, specs: list[GrantSpec], *, actor: Actor, seen: str = "") -> None:
    """Give the member exactly these grants, as an administrator's edit: no machine path touches any of them afterwards.

    A grant that stays keeps its origin and its beginning. `seen` is the stamp of the ids of what was shown (identity.seen). Raises
    UnknownResource, Invalid or Conflict; then nothing is changed.
    """
    with tenancy.change(member.organization_id):
        found = named(member.organization_id, specs)
        member = _locked(member)
        wanted = {(resource.pk, spec.permission): resource for spec, resource in found.items()}
        current = {(grant.resource_id, grant.permission): grant for grant in open_grants(member)}
        refuse_other(seen, (grant.pk for grant in current.values()))
        end(member, [grant for key, grant in current.items() if key not in wanted], actor=actor, held=True)
        confirm_all(list(open_grants(member)), actor=actor)
        give(
            member,
            [(resource, key[1]) for key, resource in wanted.items() if key not in current],
            Origin.ADMIN,
            actor=actor,
        )


def edit(
    member: Member,
    *,
    giving: Iterable[GrantSpec] = (),
    ending: Iterable[GrantSpec] = (),
    actor: Actor,
    seen: str = "",
) -> None:
    """Give some grants and end others, as an administrator's edit, and leave the rest as it is.

    What the member has already is confirmed, what they lack need not be ended. `seen` is the stamp of the ids of those of them that were
    shown (identity.seen). Raises UnknownResource, Invalid or Conflict; then nothing is changed.
    """
    giving, ending = list(giving), set(ending)
    if ending & set(giving):
        raise Invalid("A grant is either given or ended.", field="ending")
    with tenancy.change(member.organization_id):
        found = named(member.organization_id, giving)
        member = _locked(member)
        current = held_among(member, [*giving, *ending])
        refuse_other(seen, (grant.pk for grant in current.values()))
        end(member, [grant for spec, grant in current.items() if spec in ending], actor=actor, held=True)
        confirm_all([grant for spec, grant in current.items() if spec in found], actor=actor)
        lacking = [(resource, spec.permission) for spec, resource in found.items() if spec not in current]
        give(member, lacking, Origin.ADMIN, actor=actor)


def held_among(member: Member, specs: Iterable[GrantSpec]) -> dict[GrantSpec, Grant]:
    """Return which of these grants the member has now: an edit of a few reads no more, however many there are. The tenancy must be set."""
    wanted = set(specs)
    rows = open_grants(member).filter(resource__key__in={spec.key for spec in wanted})
    held = {
        GrantSpec(grant.resource.kind.name, grant.resource.key, grant.permission): grant for grant in rows
    }
    return {spec: grant for spec, grant in held.items() if spec in wanted}


def give(member: Member, wanted: list[tuple[Resource, str]], origin: str, *, actor: Actor) -> None:
    """Give (resource, permission) pairs that the member lacks; the caller holds the member's lock and the transaction."""
    give_all([(member, resource, permission) for resource, permission in wanted], origin, actor=actor)


def give_all(wanted: Iterable[tuple[Member, Resource, str]], origin: str, *, actor: Actor) -> None:
    """Do that for many members of one organization with one statement."""
    now = timezone.now()
    made = Grant.objects.bulk_create(
        [
            Grant(
                organization_id=member.organization_id, member=member, resource=resource, permission=permission,
                origin=origin, held=origin == Origin.ADMIN, started_at=now,
            )
            for member, resource, permission in wanted
        ]
    )  # fmt: skip
    record_all(_line(Event.GRANT_GIVE, grant, actor, [None, grant.permission]) for grant in made)


def end(member: Member, grants: list[Grant], *, actor: Actor, held: bool = False) -> None:
    """End the grants; the caller holds the member's lock and the transaction. `held`: an administrator did it."""
    for grant in grants:
        grant.member = member
    end_all(grants, actor=actor, held=held)


def end_all(grants: list[Grant], *, actor: Actor, held: bool = False) -> list[UUID]:
    """Do that for many members of one organization with one statement, and return the entries; each grant comes with its member."""
    if not grants:
        return []
    rows = Grant.objects.filter(
        organization=grants[0].organization_id, pk__among=[grant.pk for grant in grants]
    )
    values = {"ended_at": timezone.now(), "held": True} if held else {"ended_at": timezone.now()}
    rows.update(**values)
    return record_all(_line(Event.GRANT_END, grant, actor, [grant.permission, None]) for grant in grants)


def confirm_all(named: list[Grant], *, actor: Actor) -> None:
    """Hold the grants that an administrator names and that were there: that is an administrator's word too."""
    confirmed = [grant for grant in named if not grant.held]
    if not confirmed:
        return
    Grant.objects.filter(
        organization=confirmed[0].organization_id, pk__among=[grant.pk for grant in confirmed]
    ).update(held=True)
    record_all(
        _line(Event.GRANT_CONFIRM, grant, actor, [grant.permission, grant.permission]) for grant in confirmed
    )


def open_grants(member: Member) -> "QuerySet[Grant]":
    """Return the member's grants that have not ended."""
    return Grant.objects.filter(
        organization=member.organization_id, member=member, ended_at__isnull=True
    ).select_related("resource", "resource__kind", "member")


def _locked(member: Member) -> Member:
    locked = member_row.lock(member)
    if locked.state == Member.State.OFFBOARDED:
        message = "This member is offboarded: reinstate them before giving access."
        raise Invalid(message)
    return locked


def _line(event: Event, grant: Grant, actor: Actor, change: list[str | None]) -> Line:
    return Line(
        event,
        grant.organization_id,
        actor,
        subject_of(grant.member),
        changes={"permission": change},
        data={
            "grant": str(grant.pk),
            "kind": grant.resource.kind.name,
            "resource": grant.resource.key,
            "origin": grant.origin,
        },
    )
