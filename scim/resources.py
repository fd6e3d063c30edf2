"""A member as a SCIM User, a group as a SCIM Group, and back. Pure: SCIM's words stop here.

Why: docs/decisions/scim-versions.md.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from scim import unmapped
from scim.protocol import etag
from scim.schemas import GROUP, USER, USERS, ResourceType


class UserRow(NamedTuple):
    """A member as a directory sees them; `groups` is a list of {"value", "display", "type"}.

    `held` is what stands in the profile in place of what was written, as text: see scim.following.
    """

    id: UUID
    user_name: str
    profile: dict[str, Any]
    active: bool
    version: int
    created_at: datetime
    changed_at: datetime
    external_id: str | None
    groups: list[dict[str, str]] | None
    held: str = ""


class GroupRow(NamedTuple):
    """A group as its directory sees it; `members` are the ids of the people in it, None where they were not asked for.

    `names` are their names, in the same order, None where those were not asked for; `groups` are those in it, as {"value", "display"}.
    """

    id: UUID
    display_name: str
    external_id: str | None
    profile: dict[str, Any]
    version: int
    created_at: datetime
    changed_at: datetime
    members: list[str] | None
    names: list[str] | None
    groups: list[dict[str, str]] | None


@dataclass(frozen=True, slots=True)
class MemberFields:
    """What a User says about a member, in the words of the domain; `active` None means that nothing was said."""

    user_name: str
    profile: dict[str, Any]
    external_id: str | None
    active: bool | None


# How many people's groups are remembered as text, and up to what length.
GROUPS_KEPT_MAX: Final = 2000
GROUPS_CHARACTERS_MAX: Final = 4000
_OWN_COLUMNS = frozenset({"userName", "externalId", "active"})


def user(row: UserRow, base_url: str, kind: ResourceType = USERS) -> dict[str, Any]:
    """Return the User; `base_url` is the address of the service, without a slash at its end; `kind` knows its extensions."""
    location = f"{base_url}/Users/{row.id}"
    shown: dict[str, Any] = {
        "schemas": [USER.id, *[each.id for each in kind.extensions if each.id in row.profile]],
        "id": str(row.id),
    }
    if row.external_id is not None:
        shown["externalId"] = row.external_id
    shown["userName"] = row.user_name
    shown.update(row.profile)
    shown.pop(unmapped.URN, None)
    shown["active"] = row.active
    if row.groups:
        shown["groups"] = _placed(row.groups, base_url)
    shown["meta"] = meta("User", row.created_at, row.changed_at, location, tag(row))
    return shown


# A person as the statements of scim.queries read them: every value as PostgreSQL writes it, the profile and the groups as JSON.
ReadUser = tuple[str, str, str, bool, int, str, str, str | None, str | None]


def read_user(row: ReadUser) -> UserRow:
    """Return the row of a person as it was read."""
    member_id, user_name, profile, active, version, created, changed, external_id, groups = row
    return UserRow(
        UUID(member_id), user_name, orjson.loads(profile), active, version, datetime.fromisoformat(created),
        datetime.fromisoformat(changed), external_id, orjson.loads(groups) if groups else None,
    )  # fmt: skip


def read_group(row: tuple[Any, ...]) -> GroupRow:
    """Return a group of its row as it was read; people are ids with commas between them, or JSON where names stand beside them."""
    group_id, name, external_id, profile, version, created, changed, people, groups = row
    ids: list[str] | None = None
    names: list[str] | None = None
    if people and people[0] == "[":
        pairs = orjson.loads(people)
        ids, names = [each[0] for each in pairs], [each[1] for each in pairs]
    elif people:
        ids = people.split(",")
    return GroupRow(
        group_id, name, external_id, orjson.loads(profile), version, datetime.fromisoformat(created),
        datetime.fromisoformat(changed), ids, names, groups and orjson.loads(groups),
    )  # fmt: skip


def user_written(row: ReadUser, base_url: str) -> dict[str, Any] | orjson.Fragment:
    """Return the whole User as it was read, for orjson to write: what `user` would return for it, without taking a profile to pieces.

    All but those of whom something is kept and not shown are put together as text.
    """
    member_id, user_name, profile, active, version, created, changed, external_id, groups = row
    schemas = _PLAIN
    if '"urn:' in profile:
        if _UNMAPPED in profile:
            return user(read_user(row), base_url)
        schemas = _schemas_written(tuple(urn for urn, key in _EXTENSIONS if key in profile))
    outside = f'"externalId":{encode_basestring(external_id)},' if external_id is not None else ""
    inside = f"{profile[1:-1]}," if profile != "{}" else ""
    belongs, digest = _belonging(groups, base_url) if groups else ("", "")
    since = _moment_of(created)
    return orjson.Fragment(
        f'{{"schemas":{schemas},"id":"{member_id}",{outside}"userName":{encode_basestring(user_name)},{inside}'
        f'"active":{"true" if active else "false"},{belongs}"meta":{{"resourceType":"User","created":"{since}",'
        f'"lastModified":"{since if changed == created else _moment_of(changed)}",'
        f'"location":{_start(base_url)}{member_id}","version":"W/\\"{version}{digest}\\""}}}}'
    )


@lru_cache(maxsize=64)
def _schemas_written(extensions: tuple[str, ...]) -> str:
    return orjson.dumps([USER.id, *extensions]).decode()


_PLAIN = _schemas_written(())
# As keys stand in JSON; no text within it can look like one, since its quotes are escaped. But for what is kept unmapped, nothing in a
# profile has such a key but the profile itself.
_UNMAPPED: Final = f'"{unmapped.URN}":'
_EXTENSIONS: Final = tuple((each.id, f'"{each.id}":') for each in USERS.extensions)


def _belonging(groups: str, base_url: str) -> tuple[str, str]:
    """Return a person's groups as a part of their JSON, from PostgreSQL's, and their part of the version."""
    if len(groups) > GROUPS_CHARACTERS_MAX:
        return _groups_written.__wrapped__(groups, base_url)
    return _groups_written(groups, base_url)


# Many people are in the same groups.
@lru_cache(maxsize=GROUPS_KEPT_MAX)
def _groups_written(groups: str, base_url: str) -> tuple[str, str]:
    held = orjson.loads(groups)
    return f'"groups":{orjson.dumps(_placed(held, base_url)).decode()},', _digest(held, "")


@lru_cache(maxsize=8)
def _start(base_url: str) -> str:
    """Return how the address of each person begins, as JSON."""
    return encode_basestring(f"{base_url}/Users/")[:-1]


def tag(row: UserRow) -> str:
    """Return the version of what is shown: the person's own, and a digest of what others change about them, as groups.

    Nothing is written to the people of a group when it changes, and still no client is told that nothing has changed.
    """
    return f"{row.version}{_digest(row.groups, row.held) if row.groups or row.held else ''}"


def group_tag(row: GroupRow) -> str:
    """Return the version of what is shown of a group: its own, and where names of members are shown, which change by themselves, theirs."""
    named = row.names is not None or any("display" in each for each in row.groups or ())
    return f"{row.version}{_digest(row.groups, ','.join(row.names or ())) if named else ''}"


def _placed(groups: list[dict[str, str]], base_url: str) -> list[dict[str, str]]:
    return [{**each, "$ref": f"{base_url}/Groups/{each['value']}"} for each in groups]


def digest(shown: Any, held: str = "") -> str:
    """Return what stands behind the dot of a version: of what is shown and changes by itself."""
    return blake2b(orjson.dumps(shown) + held.encode(), digest_size=6).hexdigest()


def _digest(groups: list[dict[str, str]] | None, held: str) -> str:
    return f".{digest(groups, held)}"


def group(row: GroupRow, base_url: str, *, as_text: bool = False) -> dict[str, Any]:
    """Return the Group; `base_url` is the address of the service, without a slash at its end.

    `as_text`: its people may be an orjson.Fragment, where nobody will look into them before they are sent.
    """
    location = f"{base_url}/Groups/{row.id}"
    shown: dict[str, Any] = {"schemas": [GROUP.id], "id": str(row.id)}
    if row.external_id is not None:
        shown["externalId"] = row.external_id
    shown["displayName"] = row.display_name
    if row.members and as_text and not row.groups and row.names is None:
        start = _start(base_url)
        people = ",".join(
            [f'{{"value":"{each}","$ref":{start}{each}","type":"User"}}' for each in row.members]
        )
        shown["members"] = orjson.Fragment(f"[{people}]")
    else:
        # Also of nobody: authentik takes a group without the list for one whose members it cannot know, and adds none.
        shown["members"] = _inside(row, base_url)
    shown["meta"] = meta("Group", row.created_at, row.changed_at, location, group_tag(row))
    return shown


def _inside(row: GroupRow, base_url: str) -> list[dict[str, str]]:
    """Return the members of a group, people first."""
    users, groups = f"{base_url}/Users/", f"{base_url}/Groups/"
    people: list[dict[str, str]] = [
        {"value": each, "$ref": users + each, "type": "User"} for each in row.members or ()
    ]
    if row.names is not None:
        for each, name in zip(people, row.names, strict=True):
            each["display"] = name
    return people + [{**each, "$ref": groups + each["value"], "type": "Group"} for each in row.groups or ()]


def attributes_of(row: UserRow) -> dict[str, Any]:
    """Return what a client may change of a member, as PATCH needs it before it is applied."""
    held = {**row.profile, "userName": row.user_name, "active": row.active}
    if row.external_id is not None:
        held["externalId"] = row.external_id
    return held


def member_fields(attributes: dict[str, Any]) -> MemberFields:
    """Return a User's attributes in the words of the domain."""
    return MemberFields(
        user_name=attributes["userName"],
        profile={name: value for name, value in attributes.items() if name not in _OWN_COLUMNS},
        external_id=attributes.get("externalId"),
        active=attributes.get("active"),
    )


def meta(kind: str, created: datetime, changed: datetime, location: str, version: str) -> dict[str, str]:
    """Return the meta of a resource (RFC 7643 §3.1)."""
    return {
        "resourceType": kind,
        "created": _moment(created),
        "lastModified": _moment(changed),
        "location": location,
        "version": etag(version),
    }


def _moment_of(written: str) -> str:
    """Return a time that PostgreSQL has written, as 2026-11-22 12:43:01.5+00, in SCIM's form."""
    if not written.endswith("+00"):
        return _moment(datetime.fromisoformat(written))
    whole, _, part = written[:-3].partition(".")
    return f"{whole[:10]}T{whole[11:]}.{part[:3]:0<3}Z"


def _moment(when: datetime) -> str:
    if when.tzinfo is not UTC:
        when = when.astimezone(UTC)
    return f"{when.isoformat(timespec='milliseconds')[:23]}Z"
