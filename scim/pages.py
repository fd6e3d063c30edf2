"""One page of a list by one statement: its rows, how many there are in all, and where the next page begins.

Pages are led by a cursor (RFC 9865) or counted by startIndex. Both go on behind the last row that was shown: a cursor names it, for
startIndex it is remembered for a while (scim.models.Walk), so that a walker loses nobody and the last page costs what the first does.
Who jumps to where nobody has been skips whole stretches of the list (identity.models.Stretch) and counts off what is left.
Why: docs/decisions/scim-pages.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, TypeGuard
from uuid import UUID

from identity.postgresql.flush import Statement
from identity.tenancy import DIRECTORY, ORGANIZATION, TOKEN
from scim import ordering
from scim.authentication import Caller
from scim.filter.ast import Comparison, Filter
from scim.filter.sql import compiled
from scim.filter.vocabulary import Vocabulary
from scim.ordering import Key, Order
from scim.paging import Wish
from scim.schemas import ResourceType

# A place is good for so long; without one the rows before a page are counted off.
REMEMBERED_SECONDS: Final = 3600
# Two who walk side by side with one token go on from whichever place is nearer to the beginning: shown twice is better than never.
BESIDE_SECONDS: Final = 120
# A list that is walked by cursor is counted so far; RFC 9865 (§2) lets larger totals be left out.
COUNTED_MAX: Final = 10_000
_COUNTED: Final = f"""SELECT CASE WHEN n <= {COUNTED_MAX} THEN n END
  FROM (SELECT count(*) AS n FROM (SELECT {{}} LIMIT {COUNTED_MAX + 1}) AS walked) AS known"""  # noqa: S608 - a constant
# Statements of which any values want the same plan.
GENERIC: Final = "force_generic_plan"
# What was asked last: a list asks twice for its statement, and most clients ask for the same first page again and again.
ASKED_MAX: Final = 256
_NAMES_OF_ONE: Final = frozenset({"id", "username", "externalid"})
_REMEMBERED: Final = f"""
SELECT value, last, total, NULL::bigint FROM scim_walk
 WHERE organization_id = {ORGANIZATION} AND token_id = {TOKEN} AND question = %s AND start = %s
   AND noted_at > now() - make_interval(secs => {REMEMBERED_SECONDS})"""  # noqa: S608 - constants
# The last stretch that begins at or before a number of rows, and how many rows are before it: only where nothing is remembered.
_SKIPPED: Final = f"""
WITH noted AS MATERIALIZED ({_REMEMBERED})
SELECT * FROM noted
 UNION ALL
SELECT * FROM (
  SELECT NULL::text, place, NULL::bigint, before::bigint FROM (
    SELECT place, is_step, sum(people) OVER (ORDER BY place, is_step ROWS UNBOUNDED PRECEDING) - people AS before FROM (
      SELECT first AS place, people, FALSE AS is_step FROM {{stretches}}
       UNION ALL
      SELECT member_id, difference, TRUE FROM {{steps}}) AS told
  ) AS counted WHERE NOT is_step AND before <= %s AND NOT EXISTS (SELECT FROM noted) ORDER BY place DESC LIMIT 1
) AS skipped"""  # noqa: S608 - constants
# Looked at before it is written: a row that conflicts is locked, and all who begin the same walk at once would wait for each other.
_REMEMBER: Final = f""", kept AS (
  INSERT INTO scim_walk (id, organization_id, directory_id, token_id, question, start, value, last, total, noted_at)
  SELECT gen_random_uuid(), {ORGANIZATION}, {DIRECTORY}, {TOKEN}, %s, %s, value, last, total, now() FROM page, counted
   WHERE place = %s AND EXISTS (SELECT FROM page WHERE place > %s) AND NOT EXISTS (
     SELECT FROM scim_walk AS noted WHERE noted.organization_id = {ORGANIZATION} AND noted.token_id = {TOKEN}
        AND noted.question = %s AND noted.start = %s
        AND noted.noted_at >= now() - make_interval(secs => {BESIDE_SECONDS}) AND NOT ({{is_nearer}}))
  ON CONFLICT (organization_id, token_id, question, start)
  DO UPDATE SET value = excluded.value, last = excluded.last, total = excluded.total, noted_at = excluded.noted_at
   WHERE scim_walk.noted_at < now() - make_interval(secs => {BESIDE_SECONDS}) OR {{nearer}}
)"""  # noqa: S608 - constants

# First the keys, then what belongs to them: else all would be read for those who are skipped, too.
_PAGE: Final = """
WITH page (row, external_id, place, value, last) AS MATERIALIZED (
  SELECT {keys}, row_number() OVER (ORDER BY {order.sql}), {order.value}, {order.last}{source} AND {after}
   ORDER BY {order.sql} LIMIT {more}{offset}
), counted (total) AS MATERIALIZED (
  SELECT CASE WHEN {unknown} THEN ({total}) END
){remember}
SELECT counted.total, page.place, page.value, page.last, {selected}
  FROM counted LEFT JOIN (page {joined}) ON TRUE ORDER BY page.place"""

# Of a filter that names one: nobody comes behind them, and their number is the total.
_ALONE: Final = "SELECT NULL::bigint, 1::bigint, NULL::text, {last}, {alone}{source}"

# Behind more rows than this the whole is sorted sooner than walked through.
_LED_OFFSET_MAX: Final = 200_000

# A page that is counted, and not full, tells the total by itself.
_UNKNOWN: Final = "(SELECT count(*) FROM page) IN (0, {0})"


@dataclass(frozen=True, slots=True)
class Listing:
    """What can be listed, in SQL.

    `source` is FROM and WHERE, of organization and directory; `narrow` as much of it as gives the rows' `keys`, without the alias `wide`.
    `selected` is read of `joined`, beside which `page.row` and `page.external_id` are those keys. `kept` gives the SQL of a total that need
    not be counted, "" where it must be. `whole` is the source of the whole list in its own order, and `stretches` and `steps` are FROM and
    WHERE of how that is divided; "" where the one is read like any other, and not divided. `alone` is `selected`, of `source` itself. `led`
    gives `source` such that an index leads to all rows in an order; "" where none does.
    """

    words: Vocabulary
    source: str
    narrow: str
    wide: str
    keys: tuple[str, str]
    selected: str
    joined: str
    kept: Callable[[Filter | None], str] = lambda _: ""
    whole: str = ""
    stretches: str = ""
    steps: str = ""
    alone: str = ""
    led: Callable[[Order], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class Found:
    """The rows as selected; `total` is None where cursors lead through more than are counted; `last` is the key to go on from, or None."""

    rows: list[tuple[Any, ...]]
    total: int | None
    last: Key | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: behind `after`, or else `offset` rows behind the row `since`, or the first one.

    `total` is what was counted when the walk began.
    """

    after: Key | None = None
    since: UUID | None = None
    offset: int = 0
    total: int | None = None


@lru_cache(maxsize=ASKED_MAX)
def asked_first(listing: Listing, order: Order, wish: Wish) -> Statement:
    """Return the statement that `found` begins with. ScimError of filter and cursor."""
    if wish.count or wish.cursor is not None:
        place = _given(listing, wish)
        return _asked_of(listing, order, wish, place) if place else _remembered(listing, order, wish)
    return _counting(listing, wish)


def found(who: Caller, listing: Listing, order: Order, wish: Wish) -> Found:
    """Return a page of what the directory sees. ScimError of filter and cursor."""
    rows = who.read(asked_first(listing, order, wish))
    if not wish.count and wish.cursor is None:
        return Found([], rows[0][0], None)
    if wish.start > 1 and wish.cursor is None:
        place = _noted(rows[0], wish) if rows else _Place(offset=wish.start - 1)
        rows = who.read(_asked_of(listing, order, wish, place))
    return _cut(rows, wish)


def _noted(row: tuple[Any, ...], wish: Wish) -> _Place:
    value, last, total, before = row
    if before is None:
        return _Place(Key(value, last), total=total)
    return _Place(since=last, offset=wish.start - 1 - before)


def _asked_of(listing: Listing, order: Order, wish: Wish, place: _Place) -> Statement:
    if listing.alone and not wish.cursor and wish.start == 1 and wish.count and _names_one(wish.tree):
        condition, chosen = compiled(wish.tree, listing.words)
        sql = _ALONE.format(last=order.last, alone=listing.alone, source=f"{listing.source} AND {condition}")
        return Statement(sql, chosen, GENERIC)
    source, condition, chosen = _source(listing, wish, order.sql)
    if listing.whole and wish.tree is None and order.column is None:
        source = listing.whole
    total, counted = _total(listing, wish, source + condition, chosen, place)
    if led := _led(listing, order, wish, place):
        # The same id, of the table in whose order they come.
        source, order = led, replace(order, last=f"{listing.wide}.id")
    source += condition
    after, key = _behind(order, place)
    end = place.offset + wish.count
    remember, kept = "", []
    if wish.cursor is None:
        sign = ">" if order.descending else "<"
        remember = _REMEMBER.format(
            nearer="TRUE" if order.column else f"excluded.last {sign} scim_walk.last",
            is_nearer="TRUE" if order.column else f"page.last {sign} noted.last",
        )
        place_of = [ordering.digest(question_of(listing.words.kind, wish)), wish.start + wish.count]
        kept = [*place_of, end, end, *place_of]
    sql = _PAGE.format(
        keys=", ".join(listing.keys), order=order, source=source, after=after, total=total, remember=remember,
        selected=listing.selected, joined=listing.joined, more=wish.count + 1,
        unknown="TRUE" if wish.cursor else _UNKNOWN.format(wish.count + 1), offset=" OFFSET %s" if place.offset else "",
    )  # fmt: skip
    offset = [place.offset] if place.offset else []
    # Whoever begins, or goes on from a key, wants the same walk along an index whatever the key is; so does who names one person.
    is_usual = not (place.offset or order.column) and (wish.tree is None or _names_one(wish.tree))
    return Statement(sql, [*chosen, *key, *offset, *counted, *kept], GENERIC if is_usual else "auto")


def _behind(order: Order, place: _Place) -> tuple[str, list[Any]]:
    if place.after is not None:
        return order.after(place.after)
    return (f"{order.last} >= %s", [place.since]) if place.since is not None else ("TRUE", [])


def _names_one(tree: Filter | None) -> TypeGuard[Comparison]:
    if not isinstance(tree, Comparison) or tree.operator != "eq" or not isinstance(tree.value, str):
        return False
    return str(tree.path).lower() in _NAMES_OF_ONE


def _led(listing: Listing, order: Order, wish: Wish, place: _Place) -> str:
    """Return the source along an index in the order that is wanted; "" where there is none, or the filter may have its own."""
    is_about_it = isinstance(wish.tree, Comparison) and str(wish.tree.path).lower() == wish.sort_by.lower()
    is_free = wish.tree is None or is_about_it
    return listing.led(order) if is_free and place.offset <= _LED_OFFSET_MAX else ""


def _source(listing: Listing, wish: Wish, order: str = "") -> tuple[str, str, list[Any]]:
    """Return FROM and WHERE, what is added to them for the filter, and its parameters."""
    condition = ""
    chosen: list[Any] = []
    if wish.tree is not None:
        written, chosen = compiled(wish.tree, listing.words)
        condition = f" AND {written}"
    is_narrow = f"{listing.wide}." not in condition + order
    return listing.narrow if is_narrow else listing.source, condition, chosen


def _total(
    listing: Listing, wish: Wish, source: str, chosen: list[Any], place: _Place
) -> tuple[str, list[Any]]:
    if kept := listing.kept(wish.tree):
        return kept, []
    if place.total is not None or wish.cursor:
        return "%s::bigint", [place.total]
    if wish.cursor is not None:
        return _COUNTED.format(source), chosen
    return f"SELECT count(*){source}", chosen


def _counting(listing: Listing, wish: Wish) -> Statement:
    source, condition, chosen = _source(listing, wish)
    return Statement(*_total(listing, wish, source + condition, chosen, _Place()))


def question_of(kind: ResourceType, wish: Wish) -> str:
    """Return what is asked as text: cursors and places mean nothing to another question."""
    return f"{kind.name}\n{wish.tree}\n{wish.sort_by.lower()}\n{wish.descending}"


def _given(listing: Listing, wish: Wish) -> _Place | None:
    """Return where the page begins, None where somebody must have noted it."""
    if wish.cursor:
        key, total = ordering.read(wish.cursor, question_of(listing.words.kind, wish))
        return _Place(key, total=total)
    return _Place() if wish.cursor is not None or wish.start == 1 else None


def _remembered(listing: Listing, order: Order, wish: Wish) -> Statement:
    asked = [ordering.digest(question_of(listing.words.kind, wish)), wish.start]
    if not listing.stretches or wish.tree is not None or order.column is not None or order.descending:
        return Statement(_REMEMBERED, asked, GENERIC)
    sql = _SKIPPED.format(stretches=listing.stretches, steps=listing.steps)
    return Statement(sql, [*asked, wish.start - 1], GENERIC)


def _cut(rows: list[tuple[Any, ...]], wish: Wish) -> Found:
    total = rows[0][0] if rows else 0
    shown = [row for row in rows if row[1] is not None]
    has_more = len(shown) > wish.count
    del shown[wish.count :]
    last = Key(shown[-1][2], shown[-1][3]) if has_more and shown else None
    if wish.cursor is None and has_more:
        # Whoever walks until the total is reached must not stop before the end because others were deleted meanwhile.
        total = max(total, wish.start + wish.count)
    elif not wish.cursor and shown and not has_more:
        total = (wish.start if wish.cursor is None else 1) - 1 + len(shown)
    return Found([row[4:] for row in shown], total, last)
