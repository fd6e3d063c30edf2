"""How far a page looks: what no index leads to is looked for among so many rows at a time, and the next page goes on behind them.

PostgreSQL lets no index serve "contains" under row-level security, and one for each filter would cost every write
(docs/decisions/bounded-pages.md).
"""

from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from identity.profile import key_of

ROWS: Final = 20_000


def edge(rows: "QuerySet[Any]", most: int | None = None) -> UUID | None:
    """Return the id of the last row to look through, of rows that an index gives in the order of their ids; None: there are no more.

    `most` is how many are looked through, ROWS if it is not said.
    """
    last = most or ROWS
    return next(iter(rows.values_list("pk", flat=True)[last - 1 : last]), None)


def members_with(rows: "QuerySet[Any]", text: str) -> "QuerySet[Any]":
    """Return those of the members whose user name, address or display name has the text anywhere. Display names are kept as written."""
    key = key_of(text)
    return rows.filter(
        Q(display_name__icontains=text.strip()) | Q(user_name_key__contains=key) | Q(email_key__contains=key)
    )
