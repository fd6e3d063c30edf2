"""What can be assigned, as Okta's governance product discovers it: its Role and Entitlement schemas, as tables.

Okta knows both by URN and asks at whatever address a resource type with one of them names. Read only: roles are defined and
resources registered in Rollcall; they are assigned through `roles` and `entitlements` of a User.
"""

from scim.schemas.attribute import Attribute, Schema

_NAME = Attribute("displayName", "What a reviewer reads.", required=True, mutability="readOnly")
_DESCRIPTION = Attribute("description", "What it lets somebody do.", mutability="readOnly")

ROLE = Schema(
    "urn:okta:scim:schemas:core:1.0:Role",
    "Role",
    "A role of the organization; its id is what roles.value takes",
    (_NAME, _DESCRIPTION),
)
ENTITLEMENT = Schema(
    "urn:okta:scim:schemas:core:1.0:Entitlement",
    "Entitlement",
    "A permission on a resource; its id is what entitlements.value takes",
    (
        _NAME,
        # Okta sorts what it finds on a person into the resource type of this name.
        Attribute("type", "The name of the resource type, as in entitlements.type.", required=True, mutability="readOnly"),
        _DESCRIPTION,
    ),
)  # fmt: skip
