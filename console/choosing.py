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
from identity.models import Member, Resource

ROWS_MAX: Final = 200
# Not one of them may be left out: what a page shows and doesn't send is ended.
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
    return rows_of(found.values(), checked), len(offered) > ROWS_MAX


def offer_around(visit: Visit, member: Member) -> tuple[list[Row], bool, list[UUID]]:
    """Return resources to choose from for a member, what they hold first, whether there are more, and the ids of the grants on these.

    With a search, what it finds of both.
    """
    text = searched(visit)
    every = Resource.objects.filter(organization=visit.organization, retired_at__isnull=True).select_related(
        "kind", "parent"
    )
    matching = every.filter(Q(name__icontains=text) | Q(key__icontains=text)) if text else every
    held = grants.open_grants(member).filter(resource__retired_at__isnull=True)
    if text:
        held = held.filter(Q(resource__name__icontains=text) | Q(resource__key__icontains=text))
    checked: Checked = set(held.order_by("pk").values_list("resource_id", "permission")[:ROWS_MAX])
    ids = {resource_id for resource_id, _ in checked}
    offered = list(matching.exclude(pk__in=ids).order_by("kind_id", "key")[: ROWS_MAX - len(ids) + 1])
    shown = [*every.filter(pk__in=ids), *offered][:ROWS_MAX]
    # Of what is shown, all that is held: the boxes of a resource are saved together.
    here = grants.open_grants(member).filter(resource__in=[each.pk for each in shown])
    found = {(grant.resource_id, grant.permission): grant.pk for grant in here}
    return rows_of(shown, set(found)), len(ids) + len(offered) > ROWS_MAX, list(found.values())


def rows_of(shown: Iterable[Resource], checked: Checked) -> list[Row]:
    """Return the resources as rows of a page, each below its parent."""
    return [
        Row(
            resource,
            depth,
            [
                Choice(permission, f"{resource.pk}:{permission}", (resource.pk, permission) in checked)
                for permission in resource.kind.permissions
            ],
        )
        for resource, depth in resources.tree(shown)
    ]


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


def unchecked(visit: Visit, shown: str, checked: Iterable[GrantSpec]) -> list[GrantSpec]:
    """Return what a page showed and nobody checked; `shown` are the ids of its resources, between blanks."""
    ids = [resource for resource in shown.split()[:ROWS_MAX] if is_uuid(resource)]
    known = Resource.objects.filter(organization=visit.organization, pk__in=ids).select_related("kind")
    every = {
        GrantSpec(resource.kind.name, resource.key, permission)
        for resource in known
        for permission in resource.kind.permissions
    }
    return sorted(every - set(checked), key=str)


def checked_by(visit: Visit, wanted: Iterable[GrantSpec]) -> Checked:
    """Return the specs as the check boxes know them; those that name nothing here are left out."""
    found = grants.resolve(visit.organization.pk, wanted).found
    return {(resource.pk, spec.permission) for spec, resource in found.items()}
