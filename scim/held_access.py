"""What people have now, for the access extension (scim.schemas.access): shown where it is asked for, and found by filters."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import orjson

from identity import tenancy
from scim.filter.own import SHOWN_TIME
from scim.filter.vocabulary import Column, Rows
from scim.following import GRANT_NAME, GRANT_VALUE, OPEN_GRANTS, OPEN_ROLES, ROLE_LABEL
from scim.projection import Projection
from scim.resources import UserRow
from scim.schemas import ACCESS_USER

_GRANTS = Rows(
    OPEN_GRANTS.format("l"),
    {
        "value": Column(GRANT_VALUE),
        "display": Column(GRANT_NAME),
        "kind": Column("kind.name"),
        "resource": Column("thing.key"),
        "permission": Column("given.permission"),
        "origin": Column("given.origin"),
        "since": Column("given.started_at", "own_time"),
    },
)
_ROLES = Rows(
    OPEN_ROLES.format("l"),
    {
        "value": Column("role.name"),
        "display": Column(ROLE_LABEL),
        "origin": Column("held.origin"),
        "since": Column("held.started_at", "own_time"),
    },
)
_BY_NAME: Final = {"grants": _GRANTS, "roles": _ROLES}
# Where a filter finds them; beside the link `l` of the person.
ROWS: Final = {f"{ACCESS_USER.id}:{name}": rows for name, rows in _BY_NAME.items()}


def _listed(rows: Rows) -> str:
    parts = ", ".join(
        f"'{name}', {SHOWN_TIME.format(column.sql)}"
        if column.held == "own_time"
        else f"'{name}', {column.sql}"
        for name, column in rows.parts.items()
    )
    order = rows.parts["value"].sql
    return f"(SELECT json_agg(json_build_object({parts}) ORDER BY {order}) FROM {rows.source})"  # noqa: S608 - built from tables alone


_SHOWN = f"""
SELECT l.member_id, json_strip_nulls(json_build_object('grants', {_listed(_GRANTS)}, 'roles', {_listed(_ROLES)}))::text
  FROM (SELECT %s::uuid AS organization_id, unnest(%s::uuid[]) AS member_id) AS l"""  # noqa: S608 - built from constants alone


def added(organization_id: UUID, rows: Sequence[UserRow], chosen: Projection) -> list[UserRow]:
    """Return the people, with what they have now where the choice of attributes names it: one statement for all of them."""
    if not rows or not any(chosen.asks(ACCESS_USER.id, name) for name in _BY_NAME):
        return list(rows)
    found = tenancy.read(organization_id, _SHOWN, [organization_id, [row.id for row in rows]])
    held = dict(found)
    return [_with(row, held[row.id]) for row in rows]


def _with(row: UserRow, shown: str) -> UserRow:
    """Return a person with what they have, of which their version tells (scim.resources.tag)."""
    held = orjson.loads(shown)
    if not held:
        return row
    profile = row.profile | {ACCESS_USER.id: row.profile.get(ACCESS_USER.id, {}) | held}
    return row._replace(profile=profile, held=row.held + shown)
