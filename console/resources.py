"""The organization's resources and their kinds, as the product registered them."""

from collections.abc import Iterable, Iterator
from typing import Final

from django.db.models import OuterRef, Q
from django.http import HttpResponse

from console.access import Visit
from console.answers import page
from console.numbers import UpTo
from console.paging import PAGE_ROWS, cut, decode
from identity.models import Grant, Kind, Resource

_SEARCH_LENGTH_MAX: Final = 200


def index(visit: Visit) -> HttpResponse:
    """List kinds with their permissions, and resources with their parents."""
    query = visit.request.GET
    text = query.get("q", "").strip()[:_SEARCH_LENGTH_MAX].replace("\0", "")
    kind = query.get("kind", "")
    here = Resource.objects.filter(organization=visit.organization)
    of_kind = here.filter(kind=OuterRef("pk"), retired_at__isnull=True)
    kinds = list(
        Kind.objects.filter(organization=visit.organization)
        .select_related("parent")
        .annotate(live=UpTo(of_kind))
        .order_by("pk")
    )
    rows = here.select_related("kind", "parent__kind")
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(key__icontains=text))
    if kind in {known.name for known in kinds}:
        rows = rows.filter(kind__name=kind)
    key = decode(query.get("after", ""), 2)
    if key is not None:
        rows = rows.filter(Q(kind__name__gt=key[0]) | Q(kind__name=key[0], key__gt=key[1]))
    given = Grant.objects.filter(
        organization=visit.organization, resource=OuterRef("pk"), ended_at__isnull=True
    )
    found = list(rows.annotate(holders=UpTo(given)).order_by("kind__name", "key")[: PAGE_ROWS + 1])
    listed = cut(query, found, lambda row: (row.kind.name, row.key), begun=key is not None)
    return page(visit, "resources.html", {"kinds": kinds, "page": listed, "q": text, "kind": kind})


def tree(resources: Iterable[Resource]) -> Iterator[tuple[Resource, int]]:
    """Yield (resource, depth) with every resource after its parent; one whose parent is not among them stands at the top."""
    ordered = sorted(
        resources, key=lambda resource: (resource.kind.name, resource.name or resource.key, resource.key)
    )
    known = {resource.pk for resource in ordered}
    children: dict[object, list[Resource]] = {}
    for resource in ordered:
        children.setdefault(resource.parent_id if resource.parent_id in known else None, []).append(resource)
    waiting = [(resource, 0) for resource in reversed(children.get(None, []))]
    while waiting:
        resource, depth = waiting.pop()
        yield resource, depth
        waiting.extend((child, depth + 1) for child in reversed(children.get(resource.pk, [])))
