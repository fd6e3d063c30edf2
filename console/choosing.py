"""Choosing resources and permissions on a page: rows of check boxes out, grant specs back in."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from console import resource_search, resources
from console.access import Visit
from console.numbers import up_to
from console.paging import Page, is_uuid
from identity import grants, looking
from identity.errors import TooMany
from identity.grants import GrantSpec
from identity.models import Kind, Member, Resource

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


@dataclass(frozen=True, slots=True)
class Offer:
    """Rows to choose from. `page` leads on through a search among very many; else `more` says that there are more than these."""

    rows: list[Row]
    more: bool
    page: Page
    grants: list[UUID] = field(default_factory=list)


def offer(visit: Visit, checked: Checked) -> Offer:
    """Return resources to choose from: what is checked always, then what the search finds."""
    every = _every(visit)
    held = {resource_id for resource_id, _ in checked}
    found, more = _found(visit, every, held, ROWS_MAX)
    shown = {resource.pk: resource for resource in [*every.filter(pk__in=held), *found.rows]}
    return Offer(rows_of(shown.values(), checked), more, found)


def offer_around(visit: Visit, member: Member) -> Offer:
    """Return resources to choose from for a member, what they hold first, and the ids of the grants on these.

    With a search, what it finds of both; of what somebody holds, it goes through as much as it does of the others.
    """
    text, every = searched(visit), _every(visit)
    held = grants.open_grants(member).order_by("pk")
    if text:
        few = held.values("pk")[: looking.ROWS]
        held = resource_search.containing(held.filter(pk__in=few), text, "resource__")
    held = held.filter(resource__retired_at__isnull=True)
    ids = set(held.values_list("resource_id", flat=True)[:ROWS_MAX])
    found, more = _found(visit, every, ids, ROWS_MAX - len(ids))
    if found.begun:
        ids = set()  # they stand on the first page
    shown = [*every.filter(pk__in=ids), *found.rows]
    # Of what is shown, all that is held: the boxes of a resource are saved together.
    here = grants.open_grants(member).filter(resource__in=[each.pk for each in shown])
    checked = {(grant.resource_id, grant.permission): grant.pk for grant in here}
    return Offer(rows_of(shown, set(checked)), more, found, list(checked.values()))


def _every(visit: Visit) -> "QuerySet[Resource]":
    live = Resource.objects.filter(organization=visit.organization, retired_at__isnull=True)
    return live.select_related("kind", "parent")


def _found(visit: Visit, every: "QuerySet[Resource]", but: Iterable[UUID], most: int) -> tuple[Page, bool]:
    """Return what can be chosen beside those: the first of all, or what a search finds; and whether there are more of them."""
    text, query = searched(visit), visit.request.GET
    here = Resource.objects.filter(organization=visit.organization)
    if text and up_to(here).more:
        listed = resource_search.among_very_many(here, every.exclude(pk__in=but), text, query)
        if listed.begun:
            return listed, False
        kinds = Kind.objects.filter(organization=visit.organization)
        best = resource_search.beginning(every.exclude(pk__in=but), kinds, text)
        rows = {resource.pk: resource for resource in (*best, *listed.rows)}
        return replace(listed, rows=list(rows.values())), False
    matching = resource_search.containing(every, text) if text else every
    rest = list(matching.exclude(pk__in=but).order_by("kind_id", "key")[: most + 1])
    return Page(rest[:most], "", "", begun=False), len(rest) > most


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
