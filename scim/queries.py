"""Reads people and groups for a directory: one statement a page, whatever is filtered and sorted by."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

from identity import memberships, rows
from identity.models import Group, Member
from identity.postgresql.flush import Statement
from identity.tenancy import DIRECTORY, ORGANIZATION
from scim import following, ordering, pages
from scim.authentication import Caller
from scim.filter.ast import Comparison, Filter, Present
from scim.filter.match import comparable
from scim.filter.vocabulary import Vocabulary
from scim.group_sql import MEMBERS, NOTHING, OF_USER, Members
from scim.ordering import Key, Order
from scim.pages import GENERIC, Listing
from scim.paging import Wish
from scim.registry import ORGANIZATIONS_MAX
from scim.resources import GroupRow, ReadUser, UserRow, read_group, read_user
from scim.schemas import USERS, ResourceType
from scim.vocabularies import GROUP_WORDS, MINE, USER_WORDS, user_words

# The members that a directory sees are those with a live link to it; the same people stand in its groups. They are joined by ids alone, and
# row-level security holds both to the organization: of one that its statistics do not know yet PostgreSQL expects nobody, and told of it
# here too it would go through all its people for each of them.
_USERS_FROM = f"""
  FROM identity_link l JOIN identity_member m ON m.id = l.member_id
 WHERE l.organization_id = {ORGANIZATION} AND l.directory_id = {DIRECTORY} AND l.tombstoned_at IS NULL"""
# The rows of a page, by their own keys alone and one by one: no statistics, or none yet, can make the planner walk the whole
# organization for them.
_SHOWN = "CROSS JOIN LATERAL (SELECT * FROM {0} WHERE organization_id = {1} AND id = page.row LIMIT 1) {2}"
_USERS_SHOWN = _SHOWN.format("identity_member", ORGANIZATION, "m")
_GROUPS_SHOWN = _SHOWN.format("identity_group", ORGANIZATION, "g")
# The same in an order that the members of an organization have in an index. Each link is looked up by its own key: no statistics, or none
# yet, can have all of them gone through for each member.
_LED_BY = {"m.user_name_key": "user_name_key", "m.changed_at": "changed_at"}
_USERS_LED = f"""
  FROM (SELECT * FROM identity_member WHERE organization_id = {ORGANIZATION} ORDER BY {{column}} {{direction}}, id {{direction}}) m
 CROSS JOIN LATERAL (SELECT member_id, external_id FROM identity_link
                      WHERE organization_id = {ORGANIZATION} AND directory_id = {DIRECTORY} AND member_id = m.id AND tombstoned_at IS NULL
                      LIMIT 1) l
 WHERE TRUE"""  # noqa: S608 - constants
# As much of it as is needed where nothing is asked of the member: counting a million is then one walk along an index.
_LINKS_FROM = f"""
  FROM identity_link l
 WHERE l.organization_id = {ORGANIZATION} AND l.directory_id = {DIRECTORY} AND l.tombstoned_at IS NULL"""
# The same for the whole list, in the order of directory and member. Were the directory's id an equal one, the planner would take any index
# in the order of members for as good, and keep that plan: a directory of ten people beside one of a million then looked through a million.
_WALKED_FROM = f"""
  FROM identity_link l
 WHERE l.organization_id = {ORGANIZATION} AND l.directory_id >= {DIRECTORY} AND l.directory_id <= {DIRECTORY} AND l.tombstoned_at IS NULL"""
# How many those are, and how many of them are active, without counting: a million would be a long walk along an index.
_USERS_TOTAL = f"""SELECT COALESCE(sum({{}}), 0)::bigint FROM identity_directorysize
 WHERE organization_id = {ORGANIZATION} AND directory_id = {DIRECTORY}"""  # noqa: S608 - constants
_STRETCHES = f"identity_stretch {MINE}"
_STEPS = f"identity_stretchstep {MINE}"
# What everybody has.
_ALWAYS_THERE = frozenset({"id", "userName", "active"})
# Ids and times as text: Python reads them faster than psycopg does, and a list does not read them at all.
_USER = """m.id::text, m.user_name, m.profile, m.state = 'active', m.version, m.created_at::text, m.changed_at::text, {0}.external_id, """
_GROUPS_FROM = f"""
  FROM identity_group g
 WHERE g.organization_id = {ORGANIZATION} AND g.directory_id = {DIRECTORY} AND g.ended_at IS NULL"""
_GROUP = (
    """g.id, g.display_name, g.external_id, g.profile, g.version, g.created_at::text, g.changed_at::text, """
)
_HOLD = memberships.HOLD.replace("%(organization)s", ORGANIZATION).replace("%(directory)s", DIRECTORY)


def user_asked(member_id: UUID, *, groups: bool = True) -> Statement:
    """Return the question for one person of the directory that asks."""
    sql = f"SELECT {_USER.format('l')}{OF_USER if groups else NOTHING}{_USERS_FROM} AND l.member_id = %s"
    return Statement(sql, [member_id], GENERIC)


def user(who: Caller, member_id: UUID, *, groups: bool = True) -> UserRow | None:
    """Return one person of the directory, None for anybody else."""
    found = who.read(user_asked(member_id, groups=groups))
    return following.seen(who.directory, [read_user(found[0])])[0] if found else None


def user_held(member_id: UUID) -> Statement:
    """Return the question for one person of the directory that asks and the member that they are, and have their row held."""
    sql = f"SELECT {_USER.format('l')}{OF_USER}, to_jsonb(m)::text{_USERS_FROM} AND l.member_id = %s FOR NO KEY UPDATE OF m"
    return Statement(sql, [member_id])


def users_held(member_ids: Collection[UUID]) -> Statement:
    """Return the question for several people as `user_held` asks for each, one by one in the order of their ids."""
    each = f"{_USER.format('l')}{OF_USER}, to_jsonb(m)::text{_USERS_FROM} AND l.member_id = asked.id FOR NO KEY UPDATE OF m"
    sql = f"SELECT held.* FROM unnest(%s::uuid[]) AS asked (id) CROSS JOIN LATERAL (SELECT {each}) AS held"  # noqa: S608 - constants
    return Statement(sql, [sorted(member_ids)])


def locked_user(who: Caller, member_id: UUID) -> tuple[UserRow, Member] | None:
    """Return one person of the directory with the member that they are, whose row is held until the transaction ends."""
    found = who.read(user_held(member_id))
    if not found:
        return None
    *shown, written = found[0]
    member = rows.loaded(Member, json.loads(written))
    # Whoever waited for the row sees the member as they are by now, but the link as it was: it may have been buried meanwhile.
    if member.state == Member.State.OFFBOARDED and user(who, member_id, groups=False) is None:
        return None
    return following.seen(who.directory, [read_user(tuple(shown))])[0], member


def group_asked(group_id: UUID, *, members: Members = "ids") -> Statement:
    """Return the question for one group of the directory that asks."""
    sql = f"SELECT {_GROUP}{MEMBERS[members]}{_GROUPS_FROM} AND g.id = %s"
    return Statement(sql, [group_id], GENERIC)


def group(who: Caller, group_id: UUID, *, members: Members = "ids") -> GroupRow | None:
    """Return one group of the directory, None for any other; with `members` none the membership table is not touched."""
    found = who.read(group_asked(group_id, members=members))
    return read_group(found[0]) if found else None


def group_held(group_id: UUID, named: Mapping[str, Any]) -> Statement:
    """Return the question for one group, without its members, and as identity has it, and have its row held.

    The people named for it are held before it: `named` are the parameters of memberships.HOLD, empty for nobody.
    """
    sql = f"SELECT {_GROUP}{MEMBERS['none']}, to_jsonb(g)::text{_GROUPS_FROM} AND g.id = %(id)s"
    if named:
        sql = f"WITH held AS MATERIALIZED ({_HOLD}) {sql} AND (SELECT count(*) FROM held) >= 0"  # noqa: S608 - built from constants alone
    return Statement(f"{sql} FOR NO KEY UPDATE OF g", {"id": group_id, **named})


def locked_group(who: Caller, held: Statement) -> tuple[GroupRow, Group] | None:
    """Return the group of `group_held` as its directory sees it, without its members, and as identity has it."""
    found = who.read(held)
    if not found:
        return None
    *shown, group = found[0]
    return read_group(tuple(shown)), rows.loaded(Group, json.loads(group))


Row = TypeVar("Row", ReadUser, GroupRow)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A page of results. `total` is None where cursors lead through very many; `last` is the key to go on from, None at the end."""

    rows: list[Row]
    total: int | None
    last: Key | None


def _listing(wish: Wish, words: Vocabulary, *, groups: bool) -> tuple[Listing, Order]:
    order = ordering.order(
        words, "l.member_id", wish.sort_by, descending=wish.descending, within="l.directory_id"
    )
    return _listing_of_users(words, groups=groups), order


@lru_cache(maxsize=ORGANIZATIONS_MAX)
def _listing_of_users(words: Vocabulary, *, groups: bool) -> Listing:
    memberships = OF_USER if groups else NOTHING
    return Listing(
        words=words,
        source=_USERS_FROM,
        narrow=_LINKS_FROM,
        wide="m",
        keys=("l.member_id", "l.external_id"),
        selected=_USER.format("page") + memberships,
        joined=_USERS_SHOWN,
        kept=_users_total,
        whole=_WALKED_FROM,
        stretches=_STRETCHES,
        steps=_STEPS,
        alone=_USER.format("l") + memberships,
        led=_users_led,
    )


def _users_led(order: Order) -> str:
    column = _LED_BY.get(order.column.sql) if order.column is not None else None
    return _USERS_LED.format(column=column, direction="DESC" if order.descending else "") if column else ""


def _users_total(tree: Filter | None) -> str:
    """Return the SQL of how many people fulfil a filter, where PostgreSQL keeps that number; "" elsewhere."""
    if tree is None:
        return _USERS_TOTAL.format("people")
    if not isinstance(tree, Comparison | Present):
        return ""
    place = USERS.find(tree.path)
    if place is None or place.extension is not None or place.attribute is None or place.sub is not None:
        return ""
    if isinstance(tree, Present):
        return _USERS_TOTAL.format("people") if place.attribute.name in _ALWAYS_THERE else ""
    if place.attribute.name != "active" or tree.value is None:
        return ""
    is_active = comparable(tree, place.attribute) == (tree.operator == "eq")
    return _USERS_TOTAL.format("active" if is_active else "people - active")


def users_asked(wish: Wish, *, groups: bool = True) -> Statement:
    """Return what a list of people asks first, for most directories."""
    return pages.asked_first(*_listing(wish, USER_WORDS, groups=groups), wish)


def users(who: Caller, wish: Wish, kind: ResourceType = USERS, *, groups: bool = True) -> Page[ReadUser]:
    """Return a page of the directory's people as they are kept; `kind` knows the extensions that may be asked about.

    What a directory that is followed sees in place of that is added by scim.following.
    """
    words = user_words(kind, is_followed=following.follows(who.directory))
    ordering.check_owner(wish.cursor, who.directory.pk)
    found = pages.found(who, *_listing(wish, words, groups=groups), wish)
    return Page(found.rows, found.total, found.last)


def _listing_of_groups(wish: Wish, members: Members) -> tuple[Listing, Order]:
    order = ordering.order(GROUP_WORDS, "g.id", wish.sort_by, descending=wish.descending)
    listing = Listing(
        words=GROUP_WORDS,
        source=_GROUPS_FROM,
        narrow=_GROUPS_FROM,
        wide="g",
        keys=("g.id", "g.external_id"),
        selected=_GROUP + MEMBERS[members],
        joined=_GROUPS_SHOWN,
    )
    return listing, order


def groups_asked(wish: Wish, *, members: Members = "ids") -> Statement:
    """Return what a list of groups asks first."""
    return pages.asked_first(*_listing_of_groups(wish, members), wish)


def groups(who: Caller, wish: Wish, *, members: Members = "ids") -> Page[GroupRow]:
    """Return a page of the directory's groups."""
    ordering.check_owner(wish.cursor, who.directory.pk)
    found = pages.found(who, *_listing_of_groups(wish, members), wish)
    return Page([read_group(row) for row in found.rows], found.total, found.last)


def next_cursor(who: Caller, page: Page[Any], kind: ResourceType, wish: Wish) -> str | None:
    """Return the cursor for the page after this one, where cursors are used at all (RFC 9865 §2)."""
    if wish.cursor is None or page.last is None:
        return None
    return ordering.written(page.last, pages.question_of(kind, wish), page.total, who.directory.pk)
