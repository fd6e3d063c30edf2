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
from identity.models import Member
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


def apply(member: Member, profile: Mapping[str, Any], *, actor: Actor) -> None:
    """Apply what the profile asserts in the place of the defaults, the first time that it says something; in the caller's transaction.

    The first sign-in has not happened yet or has closed the matter: both is identity.first_access's to know.
    """
    asserted = wanted(profile)
    if asserted is not None:
        first_access.apply_asserted(member, asserted, actor=actor, final=False)


def _values(profile: Mapping[str, Any], name: str) -> list[str]:
    items = profile.get(name) or []
    return [
        item["value"] for item in items if isinstance(item, Mapping) and isinstance(item.get("value"), str)
    ]
