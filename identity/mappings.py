"""Group mappings: what a group brings to whoever is in it.

Nothing is copied to the members. Access through a group is read from membership and mapping when somebody asks, so it ends at the
moment of leaving the group, and an administrator's own grants are never touched (docs/decisions/group-mappings.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, record_all
from identity import access, grants, groups, memberships, roles, tenancy
from identity.access import Question
from identity.access_sql import IN_GROUP, ROLES_BROUGHT
from identity.errors import TooMany
from identity.grants import GrantSpec
from identity.models import Group, GroupGrant, GroupRole, Resource, Role, RoleAssignment
from identity.seen import refuse_other

GRANTS_MAX = 200
ROLES_MAX = 20
# People times what changes for each: a question or two takes 60 µs, and the preview is a page that somebody waits for.
PREVIEWED_MAX = 20_000
# Everybody in the group, also through groups in it; by name those who are active.
_COUNTED = f"SELECT count(*) FROM ({IN_GROUP[0]}) AS inside"  # noqa: S608 - joined from constants alone; so is the next one
_NAMED = f"""
SELECT member.id, member.user_name FROM identity_member member
 WHERE member.organization_id = %(organization)s AND member.state = 'active' AND member.id IN ({IN_GROUP[0]})
 ORDER BY member.user_name_key, member.id
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Mapping:
    """What a group brings."""

    grants: tuple[GrantSpec, ...] = ()
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What one member would gain or lose, leaving out whatever they have by another way too."""

    member_id: UUID
    user_name: str
    grants: tuple[GrantSpec, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """Who would gain and who would lose what, of the active members in the group, also through groups in it.

    `people`: how many are in it, active or not. `added` and `gone` are what the group would bring from then on, and no more. Not `named`:
    they are too many to ask for each what they have by another way, and nobody stands in `gain` and `lose`.
    """

    people: int
    added: Mapping
    gone: Mapping
    named: bool = False
    gain: tuple[Difference, ...] = ()
    lose: tuple[Difference, ...] = ()


class _Person(NamedTuple):
    """Somebody in the group."""

    pk: UUID
    user_name: str


def of_group(group: Group) -> Mapping:
    """Return what the group brings now."""
    with tenancy.of(group.organization_id):
        return _by_group(_open_grants(group), _open_roles(group)).get(group.pk, Mapping())


def of_organization(organization_id: UUID) -> dict[UUID, Mapping]:
    """Return what each of the organization's groups brings now, by the group's id; groups that bring nothing are not among them."""
    with tenancy.of(organization_id):
        living = {"organization": organization_id, "ended_at__isnull": True, "group__ended_at__isnull": True}
        return _by_group(GroupGrant.objects.filter(**living), GroupRole.objects.filter(**living))


def _by_group(granted: "QuerySet[GroupGrant]", assigned: "QuerySet[GroupRole]") -> dict[UUID, Mapping]:
    brought: dict[UUID, tuple[list[GrantSpec], list[str]]] = {}
    named = ("group_id", "resource__kind__name", "resource__key", "permission")
    for group_id, *spec in granted.order_by(*named[1:3]).values_list(*named):
        brought.setdefault(group_id, ([], []))[0].append(GrantSpec(*spec))
    for group_id, name in assigned.order_by("role__name").values_list("group_id", "role__name"):
        brought.setdefault(group_id, ([], []))[1].append(name)
    return {group_id: Mapping(tuple(specs), tuple(names)) for group_id, (specs, names) in brought.items()}


def replace(group: Group, wanted: Mapping, *, actor: Actor, seen: str = "") -> None:
    """Have the group bring exactly this. `seen` is the stamp of the mapping that was shown (identity.seen).

    Raises UnknownResource, UnknownRole, TooMany, Conflict, NotFound for a deleted group.
    """
    if len(wanted.grants) > GRANTS_MAX or len(wanted.roles) > ROLES_MAX:
        raise TooMany(f"A group brings at most {GRANTS_MAX} grants and {ROLES_MAX} roles.", field="grants")
    with tenancy.change(group.organization_id):
        found = grants.named(group.organization_id, wanted.grants)
        given = {(resource.pk, spec.permission): resource for spec, resource in found.items()}
        named = roles.named(group.organization_id, set(wanted.roles))
        locked = groups.lock(group)
        refuse_other(seen, parts(of_group(locked)) if seen else ())
        lines = [*_replace_grants(locked, given, actor), *_replace_roles(locked, named, actor)]
        record_all(lines)


def parts(mapping: Mapping) -> list[str]:
    """Return the mapping in parts, as `identity.seen.stamp` takes them."""
    return [*map(repr, mapping.grants), *mapping.roles]


def preview(group: Group, wanted: Mapping) -> Preview:
    """Tell who would gain and lose what if the mapping were replaced: it is, and rolled back. Raises as `replace`."""
    before = of_group(group)
    added = Mapping(
        tuple(spec for spec in wanted.grants if spec not in before.grants),
        tuple(name for name in wanted.roles if name not in before.roles),
    )
    gone = Mapping(
        tuple(spec for spec in before.grants if spec not in wanted.grants),
        tuple(name for name in before.roles if name not in wanted.roles),
    )
    with tenancy.of(group.organization_id):
        values = {"organization": group.organization_id, "group": group.pk}
        [[number]] = tenancy.read(group.organization_id, _COUNTED, values)
        named = number * max(1, len(added.grants) + len(gone.grants)) <= PREVIEWED_MAX
        rows = tenancy.read(group.organization_id, _NAMED, values) if named else []
        people = [_Person(*row) for row in rows]
        had = _held(group.organization_id, people, added, gone)
        with transaction.atomic():
            replace(group, wanted, actor=Actor("job", "preview", "preview"))
            will_have = _held(group.organization_id, people, added, gone)
            transaction.set_rollback(True)
    return Preview(
        number, added, gone, named, _differences(people, will_have, had), _differences(people, had, will_have)
    )


def _replace_grants(group: Group, wanted: dict[tuple[UUID, str], Resource], actor: Actor) -> Iterable[Line]:
    now = timezone.now()
    current = {(row.resource_id, row.permission): row for row in _open_grants(group)}
    ended = [row for key, row in current.items() if key not in wanted]
    GroupGrant.objects.filter(organization=group.organization_id, pk__in=[row.pk for row in ended]).update(
        ended_at=now
    )
    made = GroupGrant.objects.bulk_create(
        GroupGrant(
            organization_id=group.organization_id, group=group, resource=resource, permission=permission, started_at=now
        )
        for (_, permission), resource in wanted.items()
        if (resource.pk, permission) not in current
    )  # fmt: skip
    for event, rows in ((Event.MAPPING_END, ended), (Event.MAPPING_GIVE, made)):
        for row in rows:
            about = {"kind": row.resource.kind.name, "resource": row.resource.key, "mapping": str(row.pk)}
            yield _line(event, group, actor, "permission", row.permission, about)


def _replace_roles(group: Group, wanted: dict[str, Role], actor: Actor) -> Iterable[Line]:
    now = timezone.now()
    current = {row.role.name: row for row in _open_roles(group)}
    ended = [row for name, row in current.items() if name not in wanted]
    GroupRole.objects.filter(organization=group.organization_id, pk__in=[row.pk for row in ended]).update(
        ended_at=now
    )
    made = GroupRole.objects.bulk_create(
        GroupRole(organization_id=group.organization_id, group=group, role=role, started_at=now)
        for name, role in wanted.items()
        if name not in current
    )
    for event, rows in ((Event.MAPPING_END, ended), (Event.MAPPING_GIVE, made)):
        for row in rows:
            yield _line(event, group, actor, "role", row.role.name, {"mapping": str(row.pk)})


def _held(
    organization_id: UUID, people: list[_Person], added: Mapping, gone: Mapping
) -> dict[UUID, set[GrantSpec | str]]:
    """Return which of the specs and roles each of the people has by any way."""
    specs = [*added.grants, *gone.grants]
    held: dict[UUID, set[GrantSpec | str]] = {person.pk: set() for person in people}
    questions = [
        (person.pk, spec, Question(person.pk, spec.permission, spec.kind, spec.key))
        for person in people
        for spec in specs
    ]
    for start in range(0, len(questions), access.QUESTIONS_MAX):
        batch = questions[start : start + access.QUESTIONS_MAX]
        answers = access.check(organization_id, [question for _, _, question in batch])
        for (member_id, spec, _), answer in zip(batch, answers, strict=True):
            if answer.allowed:
                held[member_id].add(spec)
    names = [*added.roles, *gone.roles]
    assigned = RoleAssignment.objects.filter(
        organization=organization_id,
        member__in=[person.pk for person in people],
        role__name__in=names,
        ended_at__isnull=True,
    ).values_list("member_id", "role__name")
    values = {"organization": organization_id, "members": [person.pk for person in people], "roles": names}
    brought = tenancy.read(organization_id, ROLES_BROUGHT, values)
    for member_id, name in (*assigned, *brought):
        held[member_id].add(name)
    return held


def _differences(
    people: list[_Person], more: dict[UUID, set[GrantSpec | str]], less: dict[UUID, set[GrantSpec | str]]
) -> tuple[Difference, ...]:
    found = []
    for person in people:
        extra = more[person.pk] - less[person.pk]
        specs = sorted((item for item in extra if isinstance(item, GrantSpec)), key=str)
        names = sorted(item for item in extra if isinstance(item, str))
        if extra:
            found.append(Difference(person.pk, person.user_name, tuple(specs), tuple(names)))
    return tuple(found)


def _open_grants(group: Group) -> Any:
    return GroupGrant.objects.filter(
        organization=group.organization_id, group=group, ended_at__isnull=True
    ).select_related("resource__kind")


def _open_roles(group: Group) -> Any:
    return GroupRole.objects.filter(
        organization=group.organization_id, group=group, ended_at__isnull=True
    ).select_related("role")


def _line(event: Event, group: Group, actor: Actor, what: str, value: str, about: dict[str, str]) -> Line:
    change = [value, None] if event is Event.MAPPING_END else [None, value]
    return Line(
        event, group.organization_id, actor, memberships.subject_of(group), changes={what: change}, data=about
    )
