"""Pages by key: `?limit=&after=`, and in the answer `next`, the `after` of the page that follows."""

from functools import cache
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework import serializers

from identity.api.shapes import Query

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200

Row = TypeVar("Row", bound=Model)


class Page(Query):
    """Which page of a list: at most `limit` items whose id is greater than `after`."""

    limit = serializers.IntegerField(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT, required=False)
    after = serializers.UUIDField(required=False)


def page(rows: QuerySet[Row], limit: int, after: UUID | None = None) -> tuple[list[Row], str | None]:
    """Return one page in the order of the ids, and the `after` of the next one or None.

    Ids grow with time and rows are never given another, so nothing is shown twice and nothing is skipped that was there.
    """
    if after is not None:
        rows = rows.filter(pk__gt=after)
    found = list(rows.order_by("pk")[: limit + 1])
    more = len(found) > limit
    return found[:limit], str(found[limit - 1].pk) if more else None


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
