"""How far a page looks: what no index leads to is looked for among so many rows at a time, and the next page goes on behind them.

PostgreSQL lets no index serve "contains" under row-level security, and one for each filter would cost every write
(docs/decisions/bounded-pages.md).
"""

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

ROWS: Final = 20_000


def edge(rows: "QuerySet[Any]", most: int | None = None) -> UUID | None:
    """Return the id of the last row to look through, of rows that an index gives in the order of their ids; None: there are no more.

    `most` is how many are looked through, ROWS if it is not said.
    """
    last = most or ROWS
    return next(iter(rows.values_list("pk", flat=True)[last - 1 : last]), None)
