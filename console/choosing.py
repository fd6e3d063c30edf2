"""Choosing resources and permissions on a page: rows of check boxes out, grant specs back in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Q

from console import resources
from console.access import Visit
from console.paging import is_uuid
from identity import grants
from identity.errors import TooMany
from identity.grants import GrantSpec
from identity.models import Resource

ROWS_MAX: Final = 200
# Not one of them may be left out: what a page doesn't send is ended.
_CHOICES_MAX: Final = 5000
Checked = set[tuple[UUID, str]]


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


def offer(visit: Visit, checked: Checked) -> tuple[list[Row], bool]:
    """Return resources to choose from and whether there are more: what is checked always, then what the search finds."""
    text = searched(visit)
    held = {resource_id for resource_id, _ in checked}
    every = Resource.objects.filter(organization=visit.organization, retired_at__isnull=True).select_related(
        "kind", "parent"
    )
    matching = every.filter(Q(name__icontains=text) | Q(key__icontains=text)) if text else every
    offered = list(matching.exclude(pk__in=held).order_by("kind_id", "key")[: ROWS_MAX + 1])
    found = {resource.pk: resource for resource in [*every.filter(pk__in=held), *offered[:ROWS_MAX]]}
    rows = [
        Row(
            resource,
            depth,
            [
                Choice(permission, f"{resource.pk}:{permission}", (resource.pk, permission) in checked)
                for permission in resource.kind.permissions
            ],
        )
        for resource, depth in resources.tree(found.values())
    ]
    return rows, len(offered) > ROWS_MAX


def searched(visit: Visit) -> str:
    """Return what is searched for."""
    return visit.request.GET.get("q", "").strip()[:200].replace("\0", "")


def specs(visit: Visit, values: list[str]) -> list[GrantSpec]:
    """Read the checked boxes. What names no resource of ours is left to the verb to refuse."""
    if len(values) > _CHOICES_MAX:
        raise TooMany(
            f"A page takes at most {_CHOICES_MAX} permissions at once; give the others by a list or by API."
        )
    pairs = [value.partition(":")[::2] for value in values]
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
        for resource, permission in dict.fromkeys(pairs)
    ]


def checked_by(visit: Visit, wanted: Iterable[GrantSpec]) -> Checked:
    """Return the specs as the check boxes know them; those that name nothing here are left out."""
    found = grants.resolve(visit.organization.pk, wanted).found
    return {(resource.pk, spec.permission) for spec, resource in found.items()}
