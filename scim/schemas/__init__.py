"""The schemas served at /Schemas and obeyed by everything else, as data."""

from scim.schemas.access import ACCESS_USER
from scim.schemas.attribute import Attribute, Schema
from scim.schemas.enterprise import ENTERPRISE_USER
from scim.schemas.governance import ENTITLEMENT, ROLE
from scim.schemas.group import GROUP
from scim.schemas.resource_type import Place, ResourceType
from scim.schemas.user import USER

USERS = ResourceType("User", "/Users", "People", USER, (ENTERPRISE_USER, ACCESS_USER))
GROUPS = ResourceType("Group", "/Groups", "Groups of people", GROUP)
ROLES = ResourceType("Role", "/Roles", "The organization's roles", ROLE)
ENTITLEMENTS = ResourceType("Entitlement", "/Entitlements", "What can be granted", ENTITLEMENT)

RESOURCE_TYPES = (USERS, GROUPS)
SCHEMAS = (USER, ENTERPRISE_USER, ACCESS_USER, GROUP)
# Shown to a directory that assigns them (scim.following), besides those above.
GOVERNED_TYPES = (ROLES, ENTITLEMENTS)
GOVERNED_SCHEMAS = (ROLE, ENTITLEMENT)

__all__ = ["ACCESS_USER", "ENTERPRISE_USER", "ENTITLEMENTS", "GOVERNED_SCHEMAS", "GOVERNED_TYPES", "GROUP", "GROUPS", "RESOURCE_TYPES",
           "ROLES", "SCHEMAS", "USER", "USERS", "Attribute", "Place", "ResourceType", "Schema"]  # fmt: skip
