"""Groups of people and members of groups, as the statements of scim.queries take them in: groups are in groups (identity.nesting).

The link `l` of a person and the group `g` stand outside; `ms` is one membership.
"""

from typing import Final, Literal

from identity.tenancy import DIRECTORY, ORGANIZATION
from scim.address import base_url
from scim.filter.vocabulary import Column, Rows, literal

# How much of a group's membership an answer shows; "few" are the ids of so many people and one more, by whom a larger group is known.
Members = Literal["none", "few", "ids", "names"]
# A changed membership is answered with the group up to this size, and with 204 beyond: the cost of adding one must not grow.
FEW_MEMBERS: Final = 100
NOTHING: Final = "NULL::text"
_DEPTH_MAX: Final = 16

# Each group by its own key: a plan that takes groups in their order would go through all that are older than the one sought.
_DIRECT = """
  SELECT json_agg(json_build_object('value', g.id, 'display', g.display_name, 'type', 'direct') ORDER BY g.id)
    FROM identity_membership ms CROSS JOIN LATERAL (
      SELECT g.id, g.display_name FROM identity_group g
       WHERE g.organization_id = ms.organization_id AND g.id = ms.group_id AND g.ended_at IS NULL{2} LIMIT 1) g
   WHERE ms.organization_id = {0}.organization_id AND ms.member_id = {0}.{1} AND ms.ended_at IS NULL"""
# Where no group is in another, which is mostly so, nobody pays for looking; and it is looked once for all people of a page.
_GROUPS = f"""(CASE WHEN EXISTS (SELECT FROM identity_nesting n WHERE n.organization_id = {ORGANIZATION} AND n.ended_at IS NULL)
  THEN scim_groups_of({{0}}.organization_id, {{0}}.{{1}}, {{3}}) ELSE ({_DIRECT}) END)::text"""
OF_USER: Final = _GROUPS.format("m", "id", f" AND g.directory_id = {DIRECTORY}", DIRECTORY)
# Of a member without a directory to look through: all of them, from `m`.
OF_MEMBER: Final = _GROUPS.format("m", "id", "", "NULL")

_PEOPLE = """(
  SELECT string_agg(ms.member_id::text, ',' ORDER BY ms.member_id)
    FROM identity_membership ms
   WHERE ms.organization_id = g.organization_id AND ms.group_id = g.id AND ms.ended_at IS NULL)"""
_FEW = f"""(
  SELECT string_agg(few.member_id::text, ',' ORDER BY few.member_id) FROM (
    SELECT ms.member_id FROM identity_membership ms
     WHERE ms.organization_id = g.organization_id AND ms.group_id = g.id AND ms.ended_at IS NULL
     ORDER BY ms.member_id LIMIT {FEW_MEMBERS + 1}) AS few)"""  # noqa: S608 - a constant
_PEOPLE_NAMED = """(
  SELECT json_agg(json_build_array(gm.id, gm.display_name) ORDER BY gm.id)
    FROM identity_membership ms JOIN identity_member gm ON gm.organization_id = ms.organization_id AND gm.id = ms.member_id
   WHERE ms.organization_id = g.organization_id AND ms.group_id = g.id AND ms.ended_at IS NULL)::text"""
_INSIDE = """(
  SELECT json_agg(json_build_object({0}) ORDER BY gm.id)
    FROM identity_nesting inside JOIN identity_group gm ON gm.organization_id = inside.organization_id AND gm.id = inside.child_id
   WHERE inside.organization_id = g.organization_id AND inside.parent_id = g.id AND inside.ended_at IS NULL)::text"""
# The people and the groups in a group: ids with commas between them, or pairs of id and name as JSON; and JSON.
MEMBERS: Final[dict[Members, str]] = {
    "none": f"{NOTHING}, {NOTHING}",
    "few": _FEW + ", " + _INSIDE.format("'value', gm.id"),
    "ids": _PEOPLE + ", " + _INSIDE.format("'value', gm.id"),
    "names": _PEOPLE_NAMED + ", " + _INSIDE.format("'value', gm.id, 'display', gm.display_name"),
}

# What filters look at. The ways through other groups are found from the nestings, few as they are, and not from each person.
_WAYS = f"""
  WITH RECURSIVE way AS (
    SELECT inside.organization_id, inside.child_id AS low_id, inside.parent_id AS top_id, 1 AS steps
      FROM identity_nesting inside WHERE inside.ended_at IS NULL
     UNION
    SELECT way.organization_id, way.low_id, inside.parent_id, way.steps + 1 FROM way
      JOIN identity_nesting inside ON inside.organization_id = way.organization_id AND inside.child_id = way.top_id
           AND inside.ended_at IS NULL
     WHERE way.steps < {_DEPTH_MAX})
  SELECT * FROM way"""  # noqa: S608 - built from constants alone
_GROUP_NAME = "(SELECT n.display_name FROM identity_group n WHERE n.organization_id = ms.organization_id AND n.id = ms.group_id)"
_MEMBER_NAME = """COALESCE(
  (SELECT n.display_name FROM identity_member n WHERE n.organization_id = ms.organization_id AND n.id = ms.value),
  (SELECT n.display_name FROM identity_group n WHERE n.organization_id = ms.organization_id AND n.id = ms.value))"""
GROUPS_OF_USER: Final = Rows(
    f"""(
  SELECT ms.organization_id, ms.member_id, ms.group_id, 'direct' AS type FROM identity_membership ms WHERE ms.ended_at IS NULL
   UNION ALL
  SELECT ms.organization_id, ms.member_id, way.top_id, 'indirect' FROM identity_membership ms
    JOIN ({_WAYS}) way ON way.organization_id = ms.organization_id AND way.low_id = ms.group_id WHERE ms.ended_at IS NULL) ms
 WHERE ms.organization_id = l.organization_id AND ms.member_id = l.member_id""",  # noqa: S608 - built from constants alone
    {
        "value": Column("ms.group_id", "uuid"),
        "$ref": Column(f"{literal(f'{base_url()}/Groups/')} || ms.group_id"),
        "display": Column(_GROUP_NAME),
        "type": Column("ms.type"),
    },
)
MEMBERS_OF_GROUP: Final = Rows(
    """(
  SELECT ms.organization_id, ms.group_id, ms.member_id AS value, 'User' AS type FROM identity_membership ms WHERE ms.ended_at IS NULL
   UNION ALL
  SELECT inside.organization_id, inside.parent_id, inside.child_id, 'Group' FROM identity_nesting inside WHERE inside.ended_at IS NULL) ms
 WHERE ms.organization_id = g.organization_id AND ms.group_id = g.id""",
    {
        "value": Column("ms.value", "uuid"),
        "$ref": Column(f"{literal(f'{base_url()}/')} || ms.type || 's/' || ms.value"),
        "display": Column(_MEMBER_NAME),
        "type": Column("ms.type"),
    },
)
