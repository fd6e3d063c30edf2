"""Which schemas hold for whom: ours for everybody, and those that an organization has defined for itself, compiled once per version."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final
from uuid import UUID

from identity import tenancy
from identity.models import Organization
from scim.models import ExtensionSchema
from scim.schemas import RESOURCE_TYPES, SCHEMAS, USERS, ResourceType, Schema
from scim.schemas.definition import compiled

# A few hundred kilobytes for an organization with all that the limits allow; most have no schema of their own.
ORGANIZATIONS_MAX: Final = 500


@dataclass(frozen=True, slots=True, eq=False)
class Registry:
    """The resource types and schemas that an organization's directories see; `users` is the type User with all its extensions."""

    users: ResourceType
    types: tuple[ResourceType, ...]
    schemas: tuple[Schema, ...]


STANDARD: Final = Registry(USERS, RESOURCE_TYPES, SCHEMAS)


def of(organization: Organization) -> Registry:
    """Return the organization's registry.

    The version was read with the token of this very request, so no process works by definitions that another one has replaced.
    """
    if not organization.schemas_version:
        return STANDARD
    return _compiled(organization.pk, organization.schemas_version)


def with_own(own: tuple[Schema, ...]) -> Registry:
    """Return the standard registry with an organization's own extensions of User."""
    users = replace(USERS, extensions=(*USERS.extensions, *own), own=own)
    return Registry(
        users, tuple(users if each is USERS else each for each in RESOURCE_TYPES), (*SCHEMAS, *own)
    )


@lru_cache(maxsize=ORGANIZATIONS_MAX)
def _compiled(organization_id: UUID, _version: int) -> Registry:
    with tenancy.of(organization_id):
        rows = ExtensionSchema.objects.filter(organization=organization_id).order_by("pk")
        return with_own(tuple(compiled(row.urn, row.name, row.description, row.attributes) for row in rows))
