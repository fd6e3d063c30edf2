"""An administrator's edit of what one member may touch: grants and roles."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.http import HttpResponse

from console import member_page, resources
from console.access import Visit, refuse_stronger_roles
from console.answers import done, page
from console.members import find
from console.paging import is_uuid
from identity import grants, roles
from identity.errors import Refusal
from identity.grants import GrantSpec
from identity.models import Grant, Member, Resource, Role

_ROWS_MAX: Final = 200
_CHOICES_MAX: Final = 5000


@dataclass(frozen=True, slots=True)
class Choice:
    """One permission on one resource, as a check box."""

    permission: str
    value: str
    checked: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One resource with its check boxes; `depth` indents it under its parent."""

    resource: Resource
    depth: int
    choices: list[Choice]


def edit_grants(visit: Visit, member: UUID) -> HttpResponse:
    """Show resources with a check box for each permission; a POST gives the member exactly what is checked."""
    found = find(visit, member)
    current = {(grant.resource_id, grant.permission): grant for grant in grants.open_grants(found)}
    refusal = None
    if visit.request.method == "POST":
        try:
            specs = _specs(visit, visit.request.POST.getlist("grant"))
            grants.replace(found, specs, actor=visit.actor)
        except Refusal as error:
            refusal = error
        else:
            return done(visit, _told(found, current.values(), specs), "member", member=member)
    text = visit.request.GET.get("q", "").strip()[:200].replace("\0", "")
    rows, more = _rows(visit, text, current)
    values = {
        "member": found,
        "rows": rows,
        "more": more,
        "q": text,
        "refusal": refusal,
        "shown_max": _ROWS_MAX,
    }
    return page(visit, "member_access.html", values, status=400 if refusal else 200)


def edit_roles(visit: Visit, member: UUID) -> HttpResponse:
    """Show the roles as check boxes; a POST gives the member exactly those."""
    found = find(visit, member)
    held = {assignment.role_id: assignment for assignment in member_page.open_roles(found)}
    refusal = None
    if visit.request.method == "POST":
        try:
            wanted = visit.request.POST.getlist("role")
            refuse_stronger_roles(visit, set(wanted) ^ {assignment.role.name for assignment in held.values()})
            roles.replace(found, wanted, actor=visit.actor)
        except Refusal as error:
            refusal = error
        else:
            return done(visit, f"The roles of {found.display_name} are saved.", "member", member=member)
    every = Role.objects.filter(organization=visit.organization).order_by("-built_in", "name")
    values = {"member": found, "roles": [(role, held.get(role.pk)) for role in every], "refusal": refusal}
    return page(visit, "member_roles.html", values, status=400 if refusal else 200)


def _rows(visit: Visit, text: str, current: dict[Any, Grant]) -> tuple[list[Row], bool]:
    """Return resources to choose from: what the member holds always, then what matches, parents before children."""
    held = {resource_id for resource_id, _ in current}
    every = Resource.objects.filter(organization=visit.organization, retired_at__isnull=True).select_related(
        "kind", "parent"
    )
    matching = every.filter(Q(name__icontains=text) | Q(key__icontains=text)) if text else every
    offered = list(matching.exclude(pk__in=held).order_by("kind_id", "key")[: _ROWS_MAX + 1])
    found = {resource.pk: resource for resource in [*every.filter(pk__in=held), *offered[:_ROWS_MAX]]}
    rows = [
        Row(
            resource,
            depth,
            [_choice(resource, permission, current) for permission in resource.kind.permissions],
        )
        for resource, depth in resources.tree(found.values())
    ]
    return rows, len(offered) > _ROWS_MAX


def _choice(resource: Resource, permission: str, current: dict[Any, Grant]) -> Choice:
    return Choice(permission, f"{resource.pk}:{permission}", (resource.pk, permission) in current)


def _specs(visit: Visit, values: list[str]) -> list[GrantSpec]:
    """Read the checked boxes. What names no resource of ours is left to the verb to refuse."""
    pairs = [value.partition(":")[::2] for value in values[:_CHOICES_MAX]]
    ids = {resource for resource, _ in pairs if is_uuid(resource)}
    known = {
        str(resource.pk): resource
        for resource in Resource.objects.filter(organization=visit.organization, pk__in=ids).select_related(
            "kind"
        )
    }
    return [
        GrantSpec(known[resource].kind.name, known[resource].key, permission)
        if resource in known
        else GrantSpec("resource", resource, permission)
        for resource, permission in pairs
    ]


def _told(member: Member, before: Iterable[Grant], after: list[GrantSpec]) -> str:
    old = {(grant.resource.kind.name, grant.resource.key, grant.permission) for grant in before}
    new = {(spec.kind, spec.key, spec.permission) for spec in after}
    given, ended = len(new - old), len(old - new)
    if not given and not ended:
        return f"Nothing changed: {member.display_name} keeps the same access."
    return f"The access of {member.display_name} is saved: {given} given, {ended} ended."
