"""One resource: where it stands, and who may touch it, now or at a time that has passed."""

from itertools import groupby
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from console.access import Visit
from console.answers import page
from console.paging import PAGE_ROWS, cut, decode, is_uuid
from console.then import time_form
from identity import access
from identity.access import Holder
from identity.models import Resource


def one(visit: Visit, resource: UUID) -> HttpResponse:
    """Show who may touch the resource, a page of people at a time, each with every way in which they came to it."""
    rows = Resource.objects.filter(organization=visit.organization).select_related("kind", "parent")
    found = get_object_or_404(rows, pk=resource)
    query = visit.request.GET
    form = time_form(query)
    at = form.asked()
    after = (decode(query.get("after", ""), 1) or [""])[0]
    begun = is_uuid(after)
    holders: list[Holder] = []
    if not form.errors:
        holders = access.who_has(
            visit.organization, found.kind.name, found.key, at,
            after=UUID(after) if begun else None, limit=PAGE_ROWS + 1,
        )  # fmt: skip
    # The ways of one person stand together, the shortest first (identity.access_sql.WHO).
    people = [list(ways) for _, ways in groupby(holders, key=lambda holder: holder.member_id)]
    values = {
        "resource": found,
        "form": form,
        "at": at,
        "page": cut(query, people, lambda ways: (ways[0].member_id,), begun=begun),
    }
    return page(visit, "resource.html", values, status=400 if form.errors else 200)
