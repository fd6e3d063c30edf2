"""The organization's groups, and who is in one."""

from uuid import UUID

from django.db.models import OuterRef, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from console.access import Visit
from console.answers import page
from console.numbers import UpTo, up_to
from console.paging import PAGE_ROWS, cut, decode, is_uuid, searched, shorten
from identity import mappings
from identity.models import Group, Membership, Nesting, PendingMembership


def index(visit: Visit) -> HttpResponse:
    """List the groups by name, with their directory and number of members."""
    query = visit.request.GET
    text = searched(query)
    rows = Group.objects.filter(organization=visit.organization, ended_at__isnull=True).select_related(
        "directory"
    )
    if text:
        rows = rows.filter(display_name__icontains=text)
    key = decode(query.get("after", ""), 2)
    if key is not None and is_uuid(key[1]):
        rows = rows.filter(Q(display_name_key__gt=key[0]) | Q(display_name_key=key[0], pk__gt=key[1]))
    # A range of one: of an equal one PostgreSQL may expect so many that it would find them sooner by reading everybody's, and does so for a
    # group with nobody in it. No order makes it go by the group's index, since that of members' groups has the same one.
    inside = Membership.objects.filter(
        organization=visit.organization,
        group__gte=OuterRef("pk"),
        group__lte=OuterRef("pk"),
        ended_at__isnull=True,
    )
    found = list(rows.annotate(size=UpTo(inside)).order_by("display_name_key", "pk")[: PAGE_ROWS + 1])
    listed = cut(query, found, lambda row: (row.display_name_key, row.pk), begun=key is not None)
    return page(visit, "groups.html", {"page": listed, "q": text})


def one(visit: Visit, group: UUID) -> HttpResponse:
    """Show one group with its members and those whom its directory has announced."""
    found = get_object_or_404(
        Group.objects.select_related("directory"), organization=visit.organization, pk=group
    )
    key = decode(visit.request.GET.get("after", ""), 1)
    rows = Membership.objects.filter(organization=visit.organization, group=found, ended_at__isnull=True)
    count = up_to(rows)
    if key is not None and is_uuid(key[0]):
        rows = rows.filter(member_id__gt=key[0])
    nestings = Nesting.objects.filter(organization=visit.organization, ended_at__isnull=True)
    memberships = list(rows.select_related("member").order_by("member_id")[: PAGE_ROWS + 1])
    values = {
        "group": found,
        "mapping": mappings.of_group(found) if found.ended_at is None else None,
        "count": count,
        "inside": shorten(
            nestings.filter(parent=found).select_related("child").order_by("child__display_name_key", "pk"),
            PAGE_ROWS,
        ),
        "around": shorten(
            nestings.filter(child=found).select_related("parent").order_by("parent__display_name_key", "pk"),
            PAGE_ROWS,
        ),
        "pending": shorten(
            PendingMembership.objects.filter(organization=visit.organization, group=found).order_by("pk"),
            PAGE_ROWS,
        ),
        "page": cut(visit.request.GET, memberships, lambda row: (row.member_id,), begun=key is not None),
    }
    return page(visit, "group.html", values)
