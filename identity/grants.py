"""Grants: member, resource, permission, from a beginning to an end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, Subject, record_all
from identity import tenancy
from identity.errors import Invalid, UnknownResource
from identity.models import Grant, Kind, Member, Resource
from identity.models.access import Origin


@dataclass(frozen=True, slots=True)
class GrantSpec:
    """A grant as people write it: the kind's name, the product's id of the resource, the permission."""

    kind: str
    key: str
    permission: str


@dataclass(frozen=True, slots=True)
class Access:
    """One line of effective access. `inherited_from` is "kind key" of the resource that was granted, empty for an own grant."""

    kind: str
    key: str
    name: str
    permission: str
    origin: str
    since: datetime
    inherited_from: str
    grant_id: UUID


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of the specs: resources found, and specs that name nothing registered here, with the reason."""

    found: dict[GrantSpec, Resource]
    unknown: dict[GrantSpec, str]


# A grant reaches down the tree; at each step the kind below must know the permission.
_EFFECTIVE = """
WITH RECURSIVE reach AS (
  SELECT g.id AS grant_id, g.permission, g.origin, g.started_at, r.id AS resource_id, r.id AS granted_id
    FROM identity_grant g JOIN identity_resource r ON r.id = g.resource_id AND r.organization_id = g.organization_id
   WHERE g.organization_id = %(organization)s AND g.member_id = %(member)s
     AND g.started_at <= %(at)s AND (g.ended_at IS NULL OR g.ended_at > %(at)s) AND r.retired_at IS NULL
  UNION ALL
  SELECT reach.grant_id, reach.permission, reach.origin, reach.started_at, child.id, reach.granted_id
    FROM reach
    JOIN identity_resource child ON child.parent_id = reach.resource_id AND child.organization_id = %(organization)s
    JOIN identity_kind child_kind ON child_kind.id = child.kind_id
   WHERE child.retired_at IS NULL AND reach.permission = ANY (child_kind.permissions)
)
SELECT kind.name, r.key, r.name, reach.permission, reach.origin, reach.started_at,
       CASE WHEN reach.granted_id = r.id THEN '' ELSE granted_kind.name || ' ' || granted.key END, reach.grant_id
  FROM reach
  JOIN identity_resource r ON r.id = reach.resource_id
  JOIN identity_kind kind ON kind.id = r.kind_id
  JOIN identity_resource granted ON granted.id = reach.granted_id
  JOIN identity_kind granted_kind ON granted_kind.id = granted.kind_id
 ORDER BY kind.name, r.key, reach.permission, 7
"""


def effective(member: Member, at: datetime | None = None) -> list[Access]:
    """Return what the member's grants reach, own and inherited from parents. Empty unless the member is active: dormant access is none."""
    if not member.is_active and at is None:
        return []
    return reach(member, at)


def reach(member: Member, at: datetime | None = None) -> list[Access]:
    """Return what the member's grants reach whatever the member's state: for an administrator who looks at dormant access."""
    with tenancy.of(member.organization_id), connection.cursor() as cursor:
        cursor.execute(
            _EFFECTIVE,
            {"organization": member.organization_id, "member": member.pk, "at": at or timezone.now()},
        )
        return [Access(*row) for row in cursor.fetchall()]


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


def replace(member: Member, specs: list[GrantSpec], *, actor: Actor) -> None:
    """Give the member exactly these grants, as an administrator's edit: no machine path touches any of them afterwards.

    A grant that stays keeps its origin and its beginning. Raises UnknownResource or Invalid; then nothing is changed.
    """
    with tenancy.change(member.organization_id):
        _refuse_unknown(resolve(member.organization_id, specs).unknown)
        resolved = resolve(member.organization_id, specs).found
        member = Member.objects.select_for_update().get(pk=member.pk)
        if member.state == Member.State.OFFBOARDED:
            message = "This member is offboarded: reinstate them before giving access."
            raise Invalid(message)
        wanted = {(resource.pk, spec.permission): resource for spec, resource in resolved.items()}
        current = {(grant.resource_id, grant.permission): grant for grant in open_grants(member)}
        end(member, [grant for key, grant in current.items() if key not in wanted], actor=actor, held=True)
        open_grants(member).filter(held=False).update(held=True)
        give(
            member,
            [(resource, key[1]) for key, resource in wanted.items() if key not in current],
            Origin.ADMIN,
            actor=actor,
        )


def give(member: Member, wanted: list[tuple[Resource, str]], origin: str, *, actor: Actor) -> None:
    """Give (resource, permission) pairs that the member lacks; the caller holds the member's lock and the transaction."""
    now = timezone.now()
    made = Grant.objects.bulk_create(
        [
            Grant(
                organization_id=member.organization_id, member=member, resource=resource, permission=permission,
                origin=origin, held=origin == Origin.ADMIN, started_at=now,
            )
            for resource, permission in wanted
        ]
    )  # fmt: skip
    record_all(_line(Event.GRANT_GIVE, member, grant, actor, [None, grant.permission]) for grant in made)


def end(member: Member, grants: list[Grant], *, actor: Actor, held: bool = False) -> None:
    """End the grants; the caller holds the member's lock and the transaction. `held`: an administrator did it."""
    if not grants:
        return
    ids = [grant.pk for grant in grants]
    rows = Grant.objects.filter(organization=member.organization_id, pk__in=ids)
    values = {"ended_at": timezone.now(), "held": True} if held else {"ended_at": timezone.now()}
    rows.update(**values)
    record_all(_line(Event.GRANT_END, member, grant, actor, [grant.permission, None]) for grant in grants)


def open_grants(member: Member):  # type: ignore[no-untyped-def]  # noqa: ANN201 - a query set
    """Return the member's grants that have not ended."""
    return Grant.objects.filter(
        organization=member.organization_id, member=member, ended_at__isnull=True
    ).select_related("resource", "resource__kind")


def _refuse_unknown(unknown: dict[GrantSpec, str]) -> None:
    for spec, reason in unknown.items():
        message = {
            "unknown_kind": f"The organization has no kind {spec.kind}.",
            "unknown_permission": f"A {spec.kind} has no permission {spec.permission}.",
            "unknown_resource": f"No {spec.kind} {spec.key} is registered for this organization.",
        }[reason]
        raise UnknownResource(message, field="grants")


def _line(event: Event, member: Member, grant: Grant, actor: Actor, change: list[str | None]) -> Line:
    return Line(
        event,
        member.organization_id,
        actor,
        Subject("member", str(member.pk), member.user_name),
        changes={"permission": change},
        data={
            "grant": str(grant.pk),
            "kind": grant.resource.kind.name,
            "resource": grant.resource.key,
            "origin": grant.origin,
        },
    )
