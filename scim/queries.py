"""Reads people and groups for a directory: one statement a page, whatever is filtered and sorted by."""

from typing import Any, Literal
from uuid import UUID

import orjson
from django.db import connection

from identity.models import Directory
from scim.errors import Code, ScimError
from scim.filter.ast import Filter
from scim.filter.grammar import attribute_path
from scim.filter.sql import Column, Rows, Vocabulary, compiled
from scim.resources import GroupRow, UserRow
from scim.schemas import GROUPS, USERS

# The members that a directory sees are those with a live link to it; the same people stand in its groups.
_USERS_FROM = """
  FROM identity_link l JOIN identity_member m ON m.organization_id = l.organization_id AND m.id = l.member_id
 WHERE l.organization_id = %s AND l.directory_id = %s AND l.tombstoned_at IS NULL"""
_USER = """SELECT m.id, m.user_name, m.profile, m.state = 'active', m.version, m.created_at, m.changed_at, l.external_id, """
_USER_GROUPS = """(
  SELECT json_agg(json_build_object('value', g.id, 'display', g.display_name) ORDER BY g.id)
    FROM identity_membership ms JOIN identity_group g ON g.organization_id = ms.organization_id AND g.id = ms.group_id
   WHERE ms.organization_id = l.organization_id AND ms.member_id = l.member_id AND ms.ended_at IS NULL AND g.ended_at IS NULL
     AND g.directory_id = l.directory_id)::text"""
_GROUPS_FROM = """
  FROM identity_group g
 WHERE g.organization_id = %s AND g.directory_id = %s AND g.ended_at IS NULL"""
_GROUP = """SELECT g.id, g.display_name, g.external_id, g.profile, g.version, g.created_at, g.changed_at, """
_GROUP_MEMBERS = """(
  SELECT json_agg(json_build_object('value', ms.member_id) ORDER BY ms.member_id)
    FROM identity_membership ms
   WHERE ms.organization_id = g.organization_id AND ms.group_id = g.id AND ms.ended_at IS NULL)::text"""
_GROUP_MEMBERS_NAMED = """(
  SELECT json_agg(json_build_object('value', gm.id, 'display', gm.display_name) ORDER BY gm.id)
    FROM identity_membership ms JOIN identity_member gm ON gm.organization_id = ms.organization_id AND gm.id = ms.member_id
   WHERE ms.organization_id = g.organization_id AND ms.group_id = g.id AND ms.ended_at IS NULL)::text"""
_NOTHING = "NULL::text"
Members = Literal["none", "ids", "names"]
_MEMBERS: dict[Members, str] = {"none": _NOTHING, "ids": _GROUP_MEMBERS, "names": _GROUP_MEMBERS_NAMED}

_META = {
    "meta.version": Column("'W/\"' || {0}.version || '\"'"),
    "meta.created": Column("{0}.created_at", "time"),
    "meta.lastModified": Column("{0}.changed_at", "time"),
}


def _meta(alias: str, kind: str) -> dict[str, Column]:
    columns = {name: Column(column.sql.format(alias), column.held) for name, column in _META.items()}
    return columns | {
        "meta.resourceType": Column(f"'{kind}'"),
        "meta.location": Column(f"'/{kind}s/' || {alias}.id"),
    }


_MEMBERSHIP = "identity_membership ms WHERE ms.organization_id = {0}.organization_id AND ms.{1} = {0}.{2} AND ms.ended_at IS NULL"
_MEMBER_NAME = "(SELECT n.display_name FROM identity_member n WHERE n.organization_id = ms.organization_id AND n.id = ms.member_id)"
_GROUP_NAME = "(SELECT n.display_name FROM identity_group n WHERE n.organization_id = ms.organization_id AND n.id = ms.group_id)"

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
        "groups": Rows(
            _MEMBERSHIP.format("l", "member_id", "member_id"),
            {
                "value": Column("ms.group_id", "uuid"),
                "$ref": Column("'/Groups/' || ms.group_id"),
                "display": Column(_GROUP_NAME),
                "type": Column("'direct'"),
            },
        )
    },
    "m.profile",
)
_GROUP_WORDS = Vocabulary(
    GROUPS,
    {
        "id": Column("g.id", "uuid"),
        "externalId": Column("g.external_id"),
        "displayName": Column("g.display_name_key", "key"),
        **_meta("g", "Group"),
    },
    {
        "members": Rows(
            _MEMBERSHIP.format("g", "group_id", "id"),
            {
                "value": Column("ms.member_id", "uuid"),
                "$ref": Column("'/Users/' || ms.member_id"),
                "display": Column(_MEMBER_NAME),
                "type": Column("'User'"),
            },
        )
    },
    "g.profile",
)


def user(directory: Directory, member_id: UUID, *, groups: bool = True, lock: bool = False) -> UserRow | None:
    """Return one person of the directory, None for anybody else; `lock` holds the row until the transaction ends."""
    shown = _USER_GROUPS if groups else _NOTHING
    sql = f"{_USER}{shown}{_USERS_FROM} AND l.member_id = %s{' FOR UPDATE OF m' if lock else ''}"
    rows = _run(sql, [directory.organization_id, directory.pk, member_id])
    return _user(rows[0]) if rows else None


def group(
    directory: Directory, group_id: UUID, *, members: Members = "ids", lock: bool = False
) -> GroupRow | None:
    """Return one group of the directory, None for any other; with `members` none the membership table is not touched."""
    shown = _MEMBERS[members]
    sql = f"{_GROUP}{shown}{_GROUPS_FROM} AND g.id = %s{' FOR UPDATE OF g' if lock else ''}"
    rows = _run(sql, [directory.organization_id, directory.pk, group_id])
    return _group(rows[0]) if rows else None


def users(
    directory: Directory,
    tree: Filter | None,
    *,
    order: str,
    offset: int,
    limit: int,
    groups: bool = True,
) -> tuple[list[UserRow], int]:
    """Return a page of the directory's people and how many there are in all; `order` is the text that `ordering` returns."""
    shown = _USER_GROUPS if groups else _NOTHING
    rows, total = _page(directory, _USER + shown, _USERS_FROM, tree, _USER_WORDS, order, offset, limit)
    return [_user(row) for row in rows], total


def groups(
    directory: Directory,
    tree: Filter | None,
    *,
    order: str,
    offset: int,
    limit: int,
    members: Members = "ids",
) -> tuple[list[GroupRow], int]:
    """Return a page of the directory's groups and how many there are in all."""
    shown = _MEMBERS[members]
    rows, total = _page(directory, _GROUP + shown, _GROUPS_FROM, tree, _GROUP_WORDS, order, offset, limit)
    return [_group(row) for row in rows], total


def ordering(kind_name: str, sort_by: str, *, descending: bool) -> str:
    """Return the ORDER BY of a sort; equal ones, and without sortBy all, in the order of their creation.

    Texts are compared without case unless the schema says that case counts; who has no value comes last, or first when
    descending (RFC 7644 §3.4.2.3). ScimError sort_unknown.
    """
    words = _USER_WORDS if kind_name == "User" else _GROUP_WORDS
    last = "l.member_id" if kind_name == "User" else "g.id"
    direction = " DESC" if descending else ""
    if not sort_by:
        return f"{last}{direction}"
    path = attribute_path(sort_by)
    place = words.kind.find(path) if path is not None else None
    if place is None or place.attribute is None or place.attribute.name in {"schemas", *words.rows}:
        raise ScimError(Code.SORT_UNKNOWN, path=sort_by)
    if place.sub is None and place.attribute.type == "complex":
        sub = place.attribute.sub("value") or place.attribute.sub("formatted")
        place = place._replace(sub=sub)
    column = words.column(place)
    leaf = place.leaf
    if column.held == "text":
        folded = column.sql if leaf is None or leaf.case_exact else f"lower({column.sql})"
        return f'{folded} COLLATE "C"{direction}, {last}{direction}'
    return f"{column.sql}{direction}, {last}{direction}"


def _user(row: tuple[Any, ...]) -> UserRow:
    # Django hands JSON on as text; orjson reads it three times faster than its own field would.
    return UserRow._make((*row[:2], orjson.loads(row[2]), *row[3:8], row[8] and orjson.loads(row[8])))


def _group(row: tuple[Any, ...]) -> GroupRow:
    return GroupRow._make((*row[:3], orjson.loads(row[3]), *row[4:7], row[7] and orjson.loads(row[7])))


def _page(
    directory: Directory,
    selected: str,
    source: str,
    tree: Filter | None,
    words: Vocabulary,
    order: str,
    offset: int,
    limit: int,
) -> tuple[list[tuple[Any, ...]], int]:
    parameters: list[Any] = [directory.organization_id, directory.pk]
    if tree is not None:
        condition, more = compiled(tree, words)
        source += f" AND {condition}"
        parameters += more
    rows: list[tuple[Any, ...]] = []
    if limit:
        rows = _run(f"{selected}{source} ORDER BY {order} LIMIT %s OFFSET %s", [*parameters, limit, offset])
    if rows and len(rows) < limit:
        # The page isn't full, so it is the last one, and counting again would tell nothing new.
        return rows, offset + len(rows)
    counted = _run(f"SELECT count(*){source}", parameters)
    return rows, counted[0][0]


def _run(sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
