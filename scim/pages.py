"""One page of a list by one statement: its rows, how many there are in all, and where the next page begins.

Pages are led by a cursor (RFC 9865) or counted by startIndex. Both go on behind the last row that was shown: a cursor names it, for
startIndex it is remembered for a while (scim.models.Walk), so that a walker loses nobody and the last page costs what the first does.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from identity import tenancy
from identity.models import Directory
from scim import ordering
from scim.filter.sql import Vocabulary, compiled
from scim.ordering import Key, Order
from scim.paging import Wish
from scim.schemas import ResourceType

# A place is good for so long; without one the rows before a page are counted off.
REMEMBERED_SECONDS: Final = 3600
# Two who walk side by side with one token go on from whichever place is nearer to the beginning: shown twice is better than never.
BESIDE_SECONDS: Final = 120
_REMEMBERED: Final = """
SELECT value, last, total FROM scim_walk
 WHERE organization_id = %s AND token_id = %s AND question = %s AND start = %s AND noted_at > now() - make_interval(secs => %s)"""
_REMEMBER: Final = """, kept AS (
  INSERT INTO scim_walk (id, organization_id, directory_id, token_id, question, start, value, last, total, noted_at)
  SELECT gen_random_uuid(), %s, %s, %s, %s, %s, value, last, total, now() FROM page, counted
   WHERE place = %s AND EXISTS (SELECT FROM page WHERE place > %s)
  ON CONFLICT (organization_id, token_id, question, start)
  DO UPDATE SET value = excluded.value, last = excluded.last, total = excluded.total, noted_at = excluded.noted_at
   WHERE scim_walk.noted_at < now() - make_interval(secs => %s) OR {nearer}
)"""

# First the keys, then what belongs to them: else all would be read for those who are skipped, too. A page that is not full tells the
# total by itself.
_PAGE: Final = """
WITH page (row, place, value, last) AS MATERIALIZED (
  SELECT {key}, row_number() OVER (ORDER BY {order.sql}), {order.value}, {order.last}{source} AND {after}
   ORDER BY {order.sql} LIMIT %s OFFSET %s
), counted (total) AS MATERIALIZED (
  SELECT CASE WHEN (SELECT count(*) FROM page) IN (0, %s) THEN ({total}) END
){remember}
SELECT counted.total, page.place, page.value, page.last, {selected}
  FROM counted LEFT JOIN (page {joined}) ON TRUE ORDER BY page.place"""


@dataclass(frozen=True, slots=True)
class Listing:
    """What can be listed, in SQL.

    `source` is FROM and WHERE, of organization and directory; `narrow` as much of it as gives the rows' keys, without the alias `wide`.
    `selected` is read of `joined`, beside which `page.row` is the key. `total` counts all of them more cheaply than counting, if given.
    """

    words: Vocabulary
    source: str
    narrow: str
    wide: str
    key: str
    selected: str
    joined: str
    total: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The rows as selected; `total` is None behind a cursor; `last` is the key to go on from, None at the end."""

    rows: list[tuple[Any, ...]]
    total: int | None
    last: Key | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: behind `after`, or else behind `offset` rows. `total` is what was counted when the walk began."""

    after: Key | None = None
    offset: int = 0
    total: int | None = None


def found(directory: Directory, listing: Listing, wish: Wish, order: Order, walker: UUID) -> Found:
    """Return a page of what the directory sees; `walker` is the token that asks. ScimError of filter and cursor."""
    tenant: list[Any] = [directory.organization_id, directory.pk]
    condition, chosen = "", list(tenant)
    if wish.tree is not None:
        written, parameters = compiled(wish.tree, listing.words)
        condition, chosen = f" AND {written}", [*tenant, *parameters]
    is_narrow = f"{listing.wide}." not in condition + order.sql
    source = (listing.narrow if is_narrow else listing.source) + condition
    total, counted = f"SELECT count(*){source}", chosen
    if wish.tree is None and listing.total:
        total, counted = listing.total, tenant
    if not wish.count and wish.cursor is None:
        return Found([], tenancy.read(directory.organization_id, total, counted)[0][0], None)
    question = question_of(listing.words.kind, wish)
    place = _place(directory, wish, walker, question)
    if wish.cursor:
        total, counted = "NULL::bigint", []
    elif wish.tree is not None and place.total is not None:
        total, counted = "%s::bigint", [place.total]
    after, key = order.after(place.after) if place.after is not None else ("TRUE", [])
    end = place.offset + wish.count
    remember, kept = "", []
    if wish.cursor is None:
        nearer = (
            "TRUE" if order.column else f"excluded.last {'>' if order.descending else '<'} scim_walk.last"
        )
        remember = _REMEMBER.format(nearer=nearer)
        kept = [*tenant, walker, ordering.digest(question), wish.start + wish.count, end, end, BESIDE_SECONDS]
    sql = _PAGE.format(
        key=listing.key, order=order, source=source, after=after, total=total, remember=remember,
        selected=listing.selected, joined=listing.joined,
    )  # fmt: skip
    more = wish.count + 1
    rows = tenancy.read(
        directory.organization_id, sql, [*chosen, *key, more, place.offset, more, *counted, *kept]
    )
    return _cut(rows, wish)


def question_of(kind: ResourceType, wish: Wish) -> str:
    """Return what is asked as text: cursors and places mean nothing to another question."""
    return f"{kind.name}\n{wish.tree}\n{wish.sort_by.lower()}\n{wish.descending}"


def _place(directory: Directory, wish: Wish, walker: UUID, question: str) -> _Place:
    if wish.cursor is not None:
        return _Place(ordering.read(wish.cursor, question) if wish.cursor else None)
    if wish.start == 1:
        return _Place()
    asked = [directory.organization_id, walker, ordering.digest(question), wish.start, REMEMBERED_SECONDS]
    rows = tenancy.read(directory.organization_id, _REMEMBERED, asked)
    if not rows:
        return _Place(offset=wish.start - 1)
    value, last, total = rows[0]
    return _Place(Key(value, last), total=total)


def _cut(rows: list[tuple[Any, ...]], wish: Wish) -> Found:
    total = rows[0][0]
    shown = [row for row in rows if row[1] is not None]
    has_more = len(shown) > wish.count
    del shown[wish.count :]
    last = Key(shown[-1][2], shown[-1][3]) if has_more and shown else None
    start = wish.start if wish.cursor is None else 1
    if wish.cursor:
        total = None
    elif has_more:
        # Whoever walks until the total is reached must not stop before the end because others were deleted meanwhile.
        total = max(total, start + wish.count)
    elif shown:
        total = start - 1 + len(shown)
    return Found([row[4:] for row in shown], total, last)
