"""Finding members by a part of their name or address, however many there are.

Of many, those whose name or address begins with the text are found by an index and stand first; whoever contains it is looked for among so
many people at a time, in the order in which they came (docs/decisions/bounded-pages.md).
"""

from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import QueryDict

from console.paging import PAGE_ROWS, Page, decode, is_uuid, part
from identity import looking
from identity.models import Member, MemberKey, Organization
from identity.profile import key_of

_BEST_MAX: Final = 10
_HIGHEST: Final = chr(0x10FFFF)


def among_very_many(
    organization: Organization, rows: "QuerySet[Member]", text: str, query: QueryDict
) -> Page:
    """Return a page of them in the order of their ids; it may be short, or empty, and lead on."""
    after = (decode(query.get("after", ""), 1) or [""])[0]
    begun = is_uuid(after)
    behind = Q(pk__gt=UUID(after)) if begun else Q()
    end = looking.edge(Member.objects.filter(behind, organization=organization).order_by("pk"))
    looked = rows.filter(behind) if end is None else rows.filter(behind, pk__lte=end)
    found = list(looking.members_with(looked, text).order_by("pk")[: PAGE_ROWS + 1])
    following = found[PAGE_ROWS - 1].pk if len(found) > PAGE_ROWS else end
    return part(query, found[:PAGE_ROWS], following, begun=begun)


def beginning(organization: Organization, rows: "QuerySet[Member]", text: str) -> list[Member]:
    """Return a few whose user name, address or display name begins with the text, found by their keys."""
    key, written = key_of(text), text.strip().lower()
    within = {"key__gte": written, "key__lt": written + _HIGHEST}
    ids = [
        *Member.objects.filter(
            organization=organization, user_name_key__gte=key, user_name_key__lt=key + _HIGHEST
        )
        .order_by("user_name_key")
        .values_list("pk", flat=True)[:_BEST_MAX],
        *(
            found
            for kind in ("emails", "displayName")
            for found in MemberKey.objects.filter(organization_id=organization.pk, kind=kind, **within)
            .order_by("key")
            .values_list("member_id", flat=True)[:_BEST_MAX]
        ),
    ]
    return list(rows.filter(pk__in=ids).order_by("display_name", "pk")[:_BEST_MAX])
