"""How many there are, for pages: exact up to a bound, so that no page goes through a whole organization to say how large it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Field, QuerySet, Subquery

MOST: Final = 10_000
# Where a page shows a number for each of its rows.
MOST_OF_EACH: Final = 1000


@dataclass(frozen=True, slots=True)
class Number:
    """So many, or more than that: a page shows it as 9412, or as 10,000+."""

    value: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.value:,}+" if self.more else str(self.value)

    def __bool__(self) -> bool:
        return self.value > 0

    def __float__(self) -> float:
        """Serve Django's `pluralize`."""
        return float(self.value)


def up_to(rows: "QuerySet[Any]") -> Number:
    """Count the rows, no further than to MOST."""
    return _told(rows.order_by()[: MOST + 1].count(), MOST)


def together(numbers: Iterable[Number]) -> Number:
    """Return the sum; more than that where one of them is more."""
    every = list(numbers)
    return Number(sum(each.value for each in every), more=any(each.more for each in every))


class _NumberField(Field):
    def get_internal_type(self) -> str:
        return "BigIntegerField"

    def from_db_value(self, value: int, *_: object) -> Number:
        return _told(value, MOST_OF_EACH)


class UpTo(Subquery):
    """Counts what a query finds for each row of another, no further than to MOST_OF_EACH.

    In its order, if it has one: where some find nothing, PostgreSQL would look for so many among all rows rather than go by the index.
    """

    template = "(SELECT count(*) FROM (%(subquery)s) AS found)"
    output_field = _NumberField()

    def __init__(self, rows: "QuerySet[Any]") -> None:
        super().__init__(rows.values("pk")[: MOST_OF_EACH + 1])


def _told(found: int, most: int) -> Number:
    return Number(min(found, most), more=found > most)
