"""What a directory asserts about access, as first permissions: roles and entitlements (RFC 7643 §4.1.2), or our own extension.

A role's value is the internal name of one of the organization's roles. An entitlement's value is `<kind>:<id>:<permission>`, as
`portfolio:nordics:view` or `shop:4711:access`; the id may hold colons. They are applied once, as identity.first_access has it.
"""

from collections.abc import Mapping
from typing import Any

from audit.record import Actor
from identity import first_access
from identity.first_access import Wanted
from identity.grants import GrantSpec
from identity.models import FirstAccess, Member
from scim.operations import Notices
from scim.schemas import ACCESS_USER

# The parts of a profile that assert something.
ATTRIBUTES = ("roles", "entitlements", ACCESS_USER.id)


def wanted(profile: Mapping[str, Any], *, with_extension: bool = True) -> Wanted | None:
    """Return what the profile asserts; an aspect without any value says nothing, and None means that neither says anything. Pure."""
    first = profile.get(ACCESS_USER.id, {}).get("first", {}) if with_extension else {}
    roles = list(dict.fromkeys([*_values(profile, "roles"), *first.get("roles", ())]))
    entitlements = list(dict.fromkeys([*_values(profile, "entitlements"), *first.get("grants", ())]))
    if not roles and not entitlements:
        return None
    return Wanted(
        tuple(spec_of(value) for value in entitlements) if entitlements else None,
        tuple(roles) if roles else None,
    )


def spec_of(value: str) -> GrantSpec:
    """Read an entitlement; one of another form names a kind that nobody has, and is recorded as refused with its text."""
    kind, _, rest = value.partition(":")
    key, _, permission = rest.rpartition(":")
    return GrantSpec(kind, key, permission) if kind and key and permission else GrantSpec(value, "", "")


def text_of(spec: GrantSpec) -> str:
    """Return the entitlement that `spec_of` reads, as it was sent."""
    return f"{spec.kind}:{spec.key}:{spec.permission}".rstrip(":")


def apply(member: Member, profile: Mapping[str, Any], *, actor: Actor, notices: Notices) -> None:
    """Apply what the profile asserts in the place of the defaults, the first time that it says something; in the caller's transaction.

    The first sign-in has not happened yet or has closed the matter: both is identity.first_access's to know. What names nothing here, and
    what comes too late to give anything, becomes a notice.
    """
    asserted = wanted(profile)
    if asserted is None:
        return
    applied = first_access.apply_asserted(member, asserted, actor=actor, final=False)
    for spec in applied.refused_grants:
        notices.add("unknown_access", "entitlements", text_of(spec))
    for name in applied.refused_roles:
        notices.add("unknown_access", "roles", name)
    for name in applied.spared:
        notices.add("administrator_kept", "roles", f"{name} kept; nobody else is administrator")
    is_out = member.state == Member.State.OFFBOARDED
    why = "they are offboarded" if is_out else "first permissions were given before"
    for path, said, stage in (
        ("entitlements", asserted.grants, FirstAccess.Stage.ASSERTED_GRANTS),
        ("roles", asserted.roles, FirstAccess.Stage.ASSERTED_ROLES),
    ):
        if said is not None and stage not in applied.stages:
            notices.add("first_access_over", path, f"kept; {why}")


def _values(profile: Mapping[str, Any], name: str) -> list[str]:
    items = profile.get(name) or []
    return [
        item["value"] for item in items if isinstance(item, Mapping) and isinstance(item.get("value"), str)
    ]
