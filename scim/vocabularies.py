"""What filters and sorting may ask about people and groups, and the SQL of each word, of the rows `l`, `m` and `g` of scim.queries."""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from audit.schema import ORGANIZATION_SETTING
from identity.models.member import KEY_CHARACTERS_MAX
from identity.tenancy import DIRECTORY, ORGANIZATION
from scim import following, held_access
from scim.address import base_url
from scim.filter.vocabulary import Column, Keys, Vocabulary, literal
from scim.group_sql import GROUPS_OF_USER, MEMBERS_OF_GROUP
from scim.registry import ORGANIZATIONS_MAX
from scim.schemas import GROUPS, USERS, ResourceType

# The rows of the directory that asks.
MINE: Final = f"WHERE organization_id = {ORGANIZATION} AND directory_id = {DIRECTORY}"
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
USER_WORDS = Vocabulary(
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
        {
            "userName": f"SELECT id FROM identity_member WHERE organization_id = {ORGANIZATION} AND user_name_key = %s",  # noqa: S608
            "externalId": f"SELECT member_id FROM identity_link {MINE} AND external_id = %s AND tombstoned_at IS NULL",  # noqa: S608
        },
    ),
)
# Where a directory is followed, roles and entitlements are what people hold.
_FOLLOWED_WORDS = replace(USER_WORDS, rows={**USER_WORDS.rows, **following.ROWS})
GROUP_WORDS = Vocabulary(
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


@lru_cache(maxsize=ORGANIZATIONS_MAX)
def user_words(kind: ResourceType, *, is_followed: bool) -> Vocabulary:
    """Return the words about people, with the extensions that `kind` knows."""
    words = _FOLLOWED_WORDS if is_followed else USER_WORDS
    return words if kind is USERS else replace(words, kind=kind)
