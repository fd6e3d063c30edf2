"""A directory that goes on assigning roles and entitlements: its Users show what the member really holds, and each word of it counts.

By the directory's setting `access_follows`. Elsewhere `roles` and `entitlements` are what the directory wrote, and count once
(scim.asserted). What an administrator holds stays as they said either way (docs/decisions/scim-governance.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson

from audit.record import Actor
from identity import followed_access, tenancy
from identity.first_access import Wanted
from identity.grants import GrantSpec
from identity.models import Directory, Member
from scim import asserted
from scim.errors import Code, ScimError
from scim.filter.vocabulary import Column, Rows
from scim.operations import Notices
from scim.resources import UserRow
from scim.schemas import ACCESS_USER, ENTITLEMENTS

SETTING: Final = "access_follows"
ATTRIBUTES: Final = ("roles", "entitlements")
ROLE_LABEL = "CASE WHEN role.label = '' THEN role.name ELSE role.label END"
OPEN_ROLES = """identity_roleassignment held
    JOIN identity_role role ON role.organization_id = held.organization_id AND role.id = held.role_id
   WHERE held.organization_id = {0}.organization_id AND held.member_id = {0}.member_id AND held.ended_at IS NULL"""
# Entra replaces roles[primary eq "True"].value where it is told that there is one role: then the one is the primary.
_ALONE = """(1 = (SELECT count(*) FROM identity_roleassignment other WHERE other.organization_id = held.organization_id
     AND other.member_id = held.member_id AND other.ended_at IS NULL))"""
OPEN_GRANTS = """identity_grant given
    JOIN identity_resource thing ON thing.organization_id = given.organization_id AND thing.id = given.resource_id
    JOIN identity_kind kind ON kind.organization_id = given.organization_id AND kind.id = thing.kind_id
   WHERE given.organization_id = {0}.organization_id AND given.member_id = {0}.member_id AND given.ended_at IS NULL
     AND thing.retired_at IS NULL"""
GRANT_VALUE = "(kind.name || ':' || thing.key || ':' || given.permission)"
GRANT_NAME = "(CASE WHEN thing.name = '' THEN thing.key ELSE thing.name END || ': ' || given.permission)"
_SHOWN = f"""
SELECT l.member_id,
       (SELECT json_agg(json_strip_nulls(json_build_object('value', role.name, 'display', {ROLE_LABEL},
                        'primary', CASE WHEN {_ALONE} THEN TRUE END)) ORDER BY role.name)
          FROM {OPEN_ROLES.format("l")})::text,
       (SELECT json_agg(json_build_object('value', {GRANT_VALUE}, 'display', {GRANT_NAME}, 'type', '{ENTITLEMENTS.name}')
                        ORDER BY {GRANT_VALUE})
          FROM {OPEN_GRANTS.format("l")})::text
  FROM (SELECT %s::uuid AS organization_id, unnest(%s::uuid[]) AS member_id) AS l"""  # noqa: S608 - built from constants alone

# Where a filter finds them; beside the link `l` of the person.
ROWS: Final = {
    "roles": Rows(
        OPEN_ROLES.format("l"),
        {
            "value": Column("role.name"),
            "display": Column(ROLE_LABEL),
            "type": Column("NULL::text"),
            "primary": Column(_ALONE, "boolean"),
        },
    ),
    "entitlements": Rows(
        OPEN_GRANTS.format("l"),
        {
            "value": Column(GRANT_VALUE),
            "display": Column(GRANT_NAME),
            "type": Column(f"'{ENTITLEMENTS.name}'"),
            "primary": Column("FALSE", "boolean"),
        },
    ),
}


def follows(directory: Directory) -> bool:
    """Tell whether the directory goes on assigning."""
    return directory.settings.get(SETTING) is True


def seen(directory: Directory, rows: Sequence[UserRow]) -> list[UserRow]:
    """Return the people as the directory is to see them: one that is followed sees what they hold in place of what it wrote."""
    return holding(directory.organization_id, rows) if rows and follows(directory) else list(rows)


def holding(organization_id: UUID, rows: Sequence[UserRow]) -> list[UserRow]:
    """Return the people with what they hold as their roles and entitlements."""
    shown = tenancy.read(organization_id, _SHOWN, [organization_id, [row.id for row in rows]])
    held = {member_id: (roles, grants) for member_id, roles, grants in shown}
    return [
        row._replace(
            profile=_overlaid(row.profile, *held[row.id]), held="".join(each or "-" for each in held[row.id])
        )
        for row in rows
    ]


def without(directory: Directory, profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return the profile that is kept: where roles and grants are rows, they are not written down a second time."""
    left_out = ATTRIBUTES if follows(directory) else ()
    return {name: value for name, value in profile.items() if name not in left_out}


def named(body: Mapping[str, Any]) -> frozenset[str]:
    """Return which of the two a PUT speaks of, be it to say that there are none: what it leaves out stays."""
    names = {key.lower().rpartition(":")[2] for key in body}
    return frozenset(name for name in ATTRIBUTES if name in names)


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[str]:
    """Return which of the two a PATCH changed."""
    return frozenset(name for name in ATTRIBUTES if before.get(name) != after.get(name))


def assert_anew(
    member: Member, profile: Mapping[str, Any], about: Iterable[str], *, actor: Actor, notices: Notices
) -> bool:
    """Bring the member's access to what the profile says of the attributes in `about`; tell whether any of it was taken.

    What an administrator decided otherwise, and what names nothing here, becomes a notice. Raises Offboarded, LastAdministrator.
    """
    about = set(about)
    if not about:
        return True
    said = asserted.wanted(profile, with_extension=False) or Wanted()
    wanted = Wanted(
        (said.grants or ()) if "entitlements" in about else None,
        (said.roles or ()) if "roles" in about else None,
    )
    result = followed_access.follow(member, wanted, actor=actor)
    for code, left in (("held_by_administrator", result.disputed), ("unknown_access", result.unknown)):
        for each in left:
            path = "entitlements" if isinstance(each, GrantSpec) else "roles"
            notices.add(code, path, asserted.text_of(each) if isinstance(each, GrantSpec) else each)
    return result.changed or not (result.disputed or result.unknown)


def note_unused(before: Mapping[str, Any], after: Mapping[str, Any], notices: Notices) -> None:
    """Say that first permissions of the access extension count for nothing from a directory that goes on assigning."""
    if before.get(ACCESS_USER.id) != after.get(ACCESS_USER.id):
        notices.add(
            "first_access_unused", ACCESS_USER.id, "kept; this directory assigns by roles and entitlements"
        )


def refuse_untaken(notices: Notices) -> None:
    """Refuse a PATCH of which nothing was taken: success would tell a reviewer that access was given or taken. ScimError."""
    for code, refusal in (
        ("held_by_administrator", Code.ACCESS_HELD),
        ("unknown_access", Code.ACCESS_UNKNOWN),
    ):
        for notice in notices.found:
            if notice.code == code:
                raise ScimError(refusal, path=notice.path, value=notice.note)


def _overlaid(profile: dict[str, Any], roles: str | None, grants: str | None) -> dict[str, Any]:
    shown = {name: value for name, value in profile.items() if name not in ATTRIBUTES}
    if grants:
        shown["entitlements"] = orjson.loads(grants)
    if roles:
        shown["roles"] = orjson.loads(roles)
    return shown
