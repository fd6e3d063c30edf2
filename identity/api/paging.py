"""Pages by key: `?limit=&after=`, and in the answer `next`, the `after` of the page that follows."""

from functools import cache
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework import serializers

from identity import looking
from identity.api.shapes import Query

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200

Row = TypeVar("Row", bound=Model)


class Page(Query):
    """Which page of a list: at most `limit` items whose id is greater than `after`."""

    limit = serializers.IntegerField(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT, required=False)
    after = serializers.UUIDField(required=False)


def page(
    rows: QuerySet[Row], limit: int, after: UUID | None = None, *, among: QuerySet[Row] | None = None
) -> tuple[list[Row], str | None]:
    """Return one page in the order of the ids, and the `after` of the next one or None.

    Ids grow with time and rows are never given another, so nothing is shown twice and nothing is skipped that was there.
    `among` are the rows of which a filter without an index chooses these: of so many at a time, so that a page may be short, or empty,
    and have a next one.
    """
    end = None
    if among is not None:
        end = looking.edge((among if after is None else among.filter(pk__gt=after)).order_by("pk"))
    if after is not None:
        rows = rows.filter(pk__gt=after)
    if end is not None:
        rows = rows.filter(pk__lte=end)
    found = list(rows.order_by("pk")[: limit + 1])
    if len(found) > limit:
        return found[:limit], str(found[limit - 1].pk)
    return found, None if end is None else str(end)


@cache
def listing(item: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """Return the shape of a page of such items, for the schema."""
    name = f"{item.__name__}List"
    fields = {
        "items": item(many=True),
        "next": serializers.CharField(allow_null=True),
        "__doc__": f"One page. `next` is the `after` of the following one, null on the last. Items: {item.__name__}.",
        "__module__": item.__module__,
    }
    return type(name, (serializers.Serializer,), fields)
