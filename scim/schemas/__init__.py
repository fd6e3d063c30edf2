"""The schemas served at /Schemas and obeyed by everything else, as data."""

from scim.schemas.attribute import Attribute, Schema
from scim.schemas.enterprise import ENTERPRISE_USER
from scim.schemas.group import GROUP
from scim.schemas.resource_type import Place, ResourceType
from scim.schemas.user import USER

USERS = ResourceType("User", "/Users", "People", USER, (ENTERPRISE_USER,))
GROUPS = ResourceType("Group", "/Groups", "Groups of people", GROUP)

RESOURCE_TYPES = (USERS, GROUPS)
SCHEMAS = (USER, ENTERPRISE_USER, GROUP)

__all__ = ["ENTERPRISE_USER", "GROUP", "GROUPS", "RESOURCE_TYPES", "SCHEMAS", "USER", "USERS", "Attribute", "Place",
           "ResourceType", "Schema"]  # fmt: skip
