"""Resources a page at a time: in the order of kind and id, or those that have a text in their name or id, however many there are.

As with people (console.member_search): of many, those whose id begins with the text are found by an index and stand first; what contains
it is looked for among so many at a time, in the order in which they came (docs/decisions/bounded-pages.md).
"""

from collections.abc import Iterable
from typing import Final, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

from console.paging import PAGE_ROWS, Page, cut, decode, is_uuid, part
from identity import looking
from identity.models import Kind, Resource

Row = TypeVar("Row", bound=Model)
_BEST_MAX: Final = 10
_HIGHEST: Final = chr(0x10FFFF)


def containing(rows: "QuerySet[Row]", text: str, of: str = "") -> "QuerySet[Row]":
    """Return those of the resources whose name or id has the text anywhere; `of` leads from other rows to theirs ("resource__")."""
    return rows.filter(Q(**{f"{of}name__icontains": text}) | Q(**{f"{of}key__icontains": text}))


def in_order(rows: "QuerySet[Resource]", kinds: Iterable[Kind], query: QueryDict) -> Page:
    """Return a page of the resources of these kinds: an index gives those of one kind in order, and of all kinds together none does."""
    key = decode(query.get("after", ""), 2)
    found: list[Resource] = []
    for kind in sorted(kinds, key=lambda kind: kind.name):
        if key is not None and kind.name < key[0]:
            continue
        of_kind = rows.filter(kind=kind)
        if key is not None and kind.name == key[0]:
            of_kind = of_kind.filter(key__gt=key[1])
        found += of_kind.order_by("key")[: PAGE_ROWS + 1 - len(found)]
        if len(found) > PAGE_ROWS:
            break
    return cut(query, found, lambda row: (row.kind.name, row.key), begun=key is not None)


def among_very_many(
    every: "QuerySet[Resource]", rows: "QuerySet[Resource]", text: str, query: QueryDict
) -> Page:
    """Return a page of those `rows` of `every` resource that contain the text, by their ids; it may be short, or empty, and lead on."""
    after = (decode(query.get("after", ""), 1) or [""])[0]
    begun = is_uuid(after)
    behind = Q(pk__gt=UUID(after)) if begun else Q()
    end = looking.edge(every.filter(behind).order_by("pk"))
    looked = rows.filter(behind) if end is None else rows.filter(behind, pk__lte=end)
    found = list(containing(looked, text).order_by("pk")[: PAGE_ROWS + 1])
    following = found[PAGE_ROWS - 1].pk if len(found) > PAGE_ROWS else end
    return part(query, found[:PAGE_ROWS], following, begun=begun)


def beginning(rows: "QuerySet[Resource]", kinds: Iterable[Kind], text: str) -> list[Resource]:
    """Return a few whose id begins with the text."""
    found: list[Resource] = []
    for kind in sorted(kinds, key=lambda kind: kind.name):
        of_kind = rows.filter(kind=kind, key__gte=text, key__lt=text + _HIGHEST)
        found += of_kind.order_by("key")[: _BEST_MAX - len(found)]
        if len(found) == _BEST_MAX:
            break
    return found
