"""Reads people and groups for a directory: one statement a page, whatever is filtered and sorted by."""

import json
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson

from audit.schema import ORGANIZATION_SETTING
from identity import rows, tenancy
from identity.models import Directory, Group, Member
from identity.models.member import KEY_CHARACTERS_MAX
from scim import following, held_access, ordering, pages
from scim.address import base_url
from scim.filter.sql import Column, Keys, Vocabulary, literal
from scim.group_sql import GROUPS_OF_USER, MEMBERS, MEMBERS_OF_GROUP, NOTHING, OF_USER, Members
from scim.ordering import Key
from scim.pages import Listing
from scim.paging import Wish
from scim.resources import GroupRow, UserRow
from scim.schemas import GROUPS, USERS, ResourceType

# The members that a directory sees are those with a live link to it; the same people stand in its groups.
_USERS_FROM = """
  FROM identity_link l JOIN identity_member m ON m.organization_id = l.organization_id AND m.id = l.member_id
 WHERE l.organization_id = %s AND l.directory_id = %s AND l.tombstoned_at IS NULL"""
# The rows of a page, by their own keys alone: no statistics, or none yet, can make the planner walk the whole organization for them.
_USERS_SHOWN = "JOIN identity_link l ON l.id = page.row JOIN identity_member m ON m.id = l.member_id"
_GROUPS_SHOWN = "JOIN identity_group g ON g.id = page.row"
# As much of it as is needed where nothing is asked of the member: counting a million is then one walk along an index.
_LINKS_FROM = """
  FROM identity_link l
 WHERE l.organization_id = %s AND l.directory_id = %s AND l.tombstoned_at IS NULL"""
# How many those are, without counting: a million would be a long walk along an index.
_USERS_TOTAL = """SELECT COALESCE(sum(people), 0)::bigint FROM identity_directorysize
 WHERE organization_id = %s AND directory_id = %s"""
_USER = """m.id, m.user_name, m.profile, m.state = 'active', m.version, m.created_at, m.changed_at, l.external_id, """
_GROUPS_FROM = """
  FROM identity_group g
 WHERE g.organization_id = %s AND g.directory_id = %s AND g.ended_at IS NULL"""
_GROUP = """g.id, g.display_name, g.external_id, g.profile, g.version, g.created_at, g.changed_at, """
_META = {
    "meta.version": Column("'W/\"' || {0}.version || '\"'"),
    "meta.created": Column("{0}.created_at", "own_time"),
    "meta.lastModified": Column("{0}.changed_at", "own_time"),
}


def _meta(alias: str, kind: str) -> dict[str, Column]:
    columns = {name: Column(column.sql.format(alias), column.held) for name, column in _META.items()}
    return columns | {
        "meta.resourceType": Column(f"'{kind}'"),
        "meta.location": Column(f"{literal(f'{base_url()}/{kind}s/')} || {alias}.id"),
    }


_MEMBER_KEYS = f"""(SELECT organization_id, kind, key, member_id AS owner_id FROM identity_memberkey) k
 WHERE k.organization_id = NULLIF(current_setting('{ORGANIZATION_SETTING}', true), '')::uuid"""  # noqa: S608 - a constant
_USER_WORDS = Vocabulary(
    USERS,
    {
        "id": Column("m.id", "uuid"),
        "externalId": Column("l.external_id"),
        "userName": Column("m.user_name_key", "key"),
        "active": Column("(m.state = 'active')", "boolean"),
        **_meta("m", "User"),
    },
    {
        "groups": GROUPS_OF_USER,
        **held_access.ROWS,
    },
    "m.profile",
    # Row-level security lets an index serve operators that give nothing away; those of JSON are not among them.
    Keys(
        frozenset({"displayName", "emails"}),
        "l.member_id",
        _MEMBER_KEYS,
        KEY_CHARACTERS_MAX,
    ),
)
# Where a directory is followed, roles and entitlements are what people hold.
_FOLLOWED_WORDS = replace(_USER_WORDS, rows={**_USER_WORDS.rows, **following.ROWS})
_GROUP_WORDS = Vocabulary(
    GROUPS,
    {
        "id": Column("g.id", "uuid"),
        "externalId": Column("g.external_id"),
        "displayName": Column("g.display_name_key", "key"),
        **_meta("g", "Group"),
    },
    {
        "members": MEMBERS_OF_GROUP,
    },
    "g.profile",
)


def user(directory: Directory, member_id: UUID, *, groups: bool = True) -> UserRow | None:
    """Return one person of the directory, None for anybody else."""
    shown = OF_USER if groups else NOTHING
    sql = f"SELECT {_USER}{shown}{_USERS_FROM} AND l.member_id = %s"
    found = tenancy.read(directory.organization_id, sql, [directory.organization_id, directory.pk, member_id])
    return following.seen(directory, [_user(found[0])])[0] if found else None


def locked_user(directory: Directory, member_id: UUID) -> tuple[UserRow, Member] | None:
    """Return one person of the directory with the member that they are, whose row is held until the transaction ends."""
    sql = f"SELECT {_USER}{OF_USER}, to_jsonb(m)::text{_USERS_FROM} AND l.member_id = %s FOR UPDATE OF m"
    found = tenancy.read(directory.organization_id, sql, [directory.organization_id, directory.pk, member_id])
    if not found:
        return None
    *shown, member = found[0]
    return following.seen(directory, [_user(tuple(shown))])[0], rows.loaded(Member, json.loads(member))


def group(directory: Directory, group_id: UUID, *, members: Members = "ids") -> GroupRow | None:
    """Return one group of the directory, None for any other; with `members` none the membership table is not touched."""
    sql = f"SELECT {_GROUP}{MEMBERS[members]}{_GROUPS_FROM} AND g.id = %s"
    found = tenancy.read(directory.organization_id, sql, [directory.organization_id, directory.pk, group_id])
    return _group(found[0]) if found else None


def locked_group(directory: Directory, group_id: UUID) -> tuple[GroupRow, Group] | None:
    """Return one group of the directory without its members, and as identity has it, held until the transaction ends."""
    sql = f"SELECT {_GROUP}{MEMBERS['none']}, to_jsonb(g)::text{_GROUPS_FROM} AND g.id = %s FOR NO KEY UPDATE OF g"
    found = tenancy.read(directory.organization_id, sql, [directory.organization_id, directory.pk, group_id])
    if not found:
        return None
    *shown, group = found[0]
    return _group(tuple(shown)), rows.loaded(Group, json.loads(group))


Row = TypeVar("Row", UserRow, GroupRow)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A page of results. `total` is None where a cursor goes on; `last` is the key to go on from, None at the end."""

    rows: list[Row]
    total: int | None
    last: Key | None


def users(
    directory: Directory, wish: Wish, walker: UUID, kind: ResourceType = USERS, *, groups: bool = True
) -> Page[UserRow]:
    """Return a page of the directory's people. `walker` is the token that asks; `kind` knows the extensions that may be asked about."""
    shown = OF_USER if groups else NOTHING
    words = _FOLLOWED_WORDS if following.follows(directory) else _USER_WORDS
    if kind is not USERS:
        words = replace(words, kind=kind)
    order = ordering.order(words, "l.member_id", wish.sort_by, descending=wish.descending)
    listing = Listing(words, _USERS_FROM, _LINKS_FROM, "m", "l.id", _USER + shown, _USERS_SHOWN, _USERS_TOTAL)
    found = pages.found(directory, listing, wish, order, walker)
    return Page(following.seen(directory, [_user(row) for row in found.rows]), found.total, found.last)


def holds_more_than(directory: Directory, group_id: UUID, limit: int) -> bool:
    """Tell whether the group has more members than `limit`, without counting further."""
    sql = """SELECT count(*) FROM (
      SELECT 1 FROM identity_membership ms
       WHERE ms.organization_id = %s AND ms.group_id = %s AND ms.ended_at IS NULL LIMIT %s) AS counted"""
    return bool(
        tenancy.read(directory.organization_id, sql, [directory.organization_id, group_id, limit + 1])[0][0]
        > limit
    )


def groups(directory: Directory, wish: Wish, walker: UUID, *, members: Members = "ids") -> Page[GroupRow]:
    """Return a page of the directory's groups; `walker` is the token that asks."""
    order = ordering.order(_GROUP_WORDS, "g.id", wish.sort_by, descending=wish.descending)
    shown = _GROUP + MEMBERS[members]
    listing = Listing(_GROUP_WORDS, _GROUPS_FROM, _GROUPS_FROM, "g", "g.id", shown, _GROUPS_SHOWN)
    found = pages.found(directory, listing, wish, order, walker)
    return Page([_group(row) for row in found.rows], found.total, found.last)


def _user(row: tuple[Any, ...]) -> UserRow:
    # Django hands JSON on as text; orjson reads it three times faster than its own field would.
    return UserRow._make((*row[:2], orjson.loads(row[2]), *row[3:8], row[8] and orjson.loads(row[8]), ""))


def _group(row: tuple[Any, ...]) -> GroupRow:
    people, groups = (each and orjson.loads(each) for each in row[7:9])
    return GroupRow._make((*row[:3], orjson.loads(row[3]), *row[4:7], people, groups))


def next_cursor(page: Page[Any], kind: ResourceType, wish: Wish) -> str | None:
    """Return the cursor for the page after this one, where cursors are used at all (RFC 9865 §2)."""
    if wish.cursor is None or page.last is None:
        return None
    return ordering.written(page.last, pages.question_of(kind, wish))
