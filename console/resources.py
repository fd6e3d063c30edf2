"""The organization's resources and their kinds, as the product registered them."""

from collections.abc import Iterable, Iterator

from django.db.models import OuterRef
from django.http import HttpResponse

from console import resource_search
from console.access import Visit
from console.answers import page
from console.numbers import UpTo, up_to
from console.paging import searched
from identity.models import Grant, Kind, Resource


def index(visit: Visit) -> HttpResponse:
    """List kinds with their permissions, and resources with their parents."""
    query = visit.request.GET
    text = searched(query)
    kind = query.get("kind", "")
    here = Resource.objects.filter(organization=visit.organization)
    of_kind = here.filter(kind=OuterRef("pk"), retired_at__isnull=True).order_by("key")
    kinds = list(
        Kind.objects.filter(organization=visit.organization)
        .select_related("parent")
        .annotate(live=UpTo(of_kind))
        .order_by("pk")
    )
    chosen = [known for known in kinds if known.name == kind] or kinds
    given = Grant.objects.filter(
        organization=visit.organization, resource=OuterRef("pk"), ended_at__isnull=True
    )
    rows = here.select_related("kind", "parent__kind").annotate(holders=UpTo(given))
    best: list[Resource] = []
    if text and up_to(here).more:
        of_kinds = rows if chosen is kinds else rows.filter(kind__in=chosen)
        listed = resource_search.among_very_many(here, of_kinds, text, query)
        best = [] if listed.begun else resource_search.beginning(rows, chosen, text)
    else:
        listed = resource_search.in_order(
            resource_search.containing(rows, text) if text else rows, chosen, query
        )
    values = {"kinds": kinds, "page": listed, "best": best, "q": text, "kind": kind}
    return page(visit, "resources.html", values)


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
