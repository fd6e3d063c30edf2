"""What Okta's and Entra's SCIM clients send. The shapes are theirs: nothing here is how a tidy client would do it.

Sources: Okta, "SCIM 2.0 protocol reference"; Microsoft, "Develop and plan provisioning for a SCIM endpoint".
"""

from typing import Any, Final

from demo.tour.clients.http import Client

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ENTRA_GROUP: Final = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"


class Scim(Client):
    """A SCIM client: media type, matching by filter, and PATCH."""

    content_type = "application/scim+json"

    def match(self, resource: str, expression: str, *, without: str = "") -> list[dict[str, Any]]:
        """Return the resources that a filter finds, `without` an attribute where the client does not want it."""
        query = {"filter": expression} | ({"excludedAttributes": without} if without else {})
        found = self.call("GET", f"/{resource}", tell="totalResults", query=query)
        return list(found.get("Resources", []))

    def patch(
        self, path: str, *operations: dict[str, Any], expect: int | tuple[int, ...] = (200, 204)
    ) -> Any:
        """Send operations as one PATCH."""
        body = {"schemas": [PATCH], "Operations": list(operations)}
        return self.call("PATCH", path, body, expect=expect, tell="active displayName")


class Okta(Scim):
    """Okta's app from its integration network: PUT for profiles, path-less PATCH for activation, PATCH for groups."""

    def create_user(self, given: str, family: str, email: str, external_id: str) -> dict[str, Any]:
        """Create a person as Okta does: with empty groups, a password nobody uses, and its own id."""
        body = {
            "schemas": [USER],
            "userName": email,
            "name": {"givenName": given, "familyName": family},
            "emails": [{"primary": True, "value": email, "type": "work"}],
            "displayName": f"{given} {family}",
            "locale": "en-US",
            "externalId": external_id,
            "groups": [],
            "password": "never-used-9T!x",
            "active": True,
        }
        return dict(self.call("POST", "/Users", body, expect=201, tell="id userName active"))

    def replace_user(self, user: dict[str, Any]) -> dict[str, Any]:
        """Send the whole person back as it was read, read-only values and all."""
        return dict(self.call("PUT", f"/Users/{user['id']}", user, tell="userName title active"))

    def set_active(self, user_id: str, *, active: bool, expect: int | tuple[int, ...] = (200, 204)) -> Any:
        """Activate or deactivate: a replace without path."""
        return self.patch(f"/Users/{user_id}", {"op": "replace", "value": {"active": active}}, expect=expect)

    def rename_group(self, group_id: str, name: str) -> None:
        """Rename: a replace without path that carries the id; Okta sends it with every change of members."""
        self.patch(f"/Groups/{group_id}", {"op": "replace", "value": {"id": group_id, "displayName": name}})

    def change_members(self, group_id: str, *, add: list[str], remove: list[str]) -> None:
        """Remove by value filter and add a list, in one request."""
        operations: list[dict[str, Any]] = [
            {"op": "remove", "path": f'members[value eq "{member}"]'} for member in remove
        ]
        operations.append({"op": "add", "path": "members", "value": [{"value": member} for member in add]})
        self.patch(f"/Groups/{group_id}", *operations)


class Entra(Scim):
    """Entra ID without its compatibility flag: capitalised operations, booleans as text, paths into what isn't there yet."""

    def create_user(self, given: str, family: str, email: str, external_id: str) -> dict[str, Any]:
        """Create a person as Entra does: with nulls, empty roles and a resource type."""
        body = {
            "schemas": [USER, ENTERPRISE],
            "externalId": external_id,
            "userName": email,
            "active": True,
            "addresses": None,
            "title": None,
            "department": None,
            "manager": None,
            "roles": [],
            "meta": {"resourceType": "User"},
            "emails": [{"type": "work", "value": email, "primary": True}],
            "name": {"formatted": f"{given} {family}", "familyName": family, "givenName": given},
        }
        return dict(self.call("POST", "/Users", body, expect=201, tell="id userName active"))

    def replace(self, user_id: str, path: str, value: object, op: str = "Replace") -> Any:
        """Set one attribute by one operation."""
        return self.patch(f"/Users/{user_id}", {"op": op, "path": path, "value": value})

    def create_group(self, name: str, external_id: str) -> dict[str, Any]:
        """Create a group without members, with Entra's marker among the schemas."""
        body = {
            "schemas": [GROUP, ENTRA_GROUP],
            "externalId": external_id,
            "displayName": name,
            "meta": {"resourceType": "Group"},
        }
        return dict(self.call("POST", "/Groups", body, expect=201, tell="id displayName"))

    def add_member(self, group_id: str, member: str) -> None:
        """Add one member; Entra sends one request for each."""
        self.patch(
            f"/Groups/{group_id}",
            {"op": "Add", "path": "members", "value": [{"$ref": None, "value": member}]},
        )

    def remove_member(self, group_id: str, member: str) -> None:
        """Remove one member: by the letter of the RFC these words would empty the group."""
        self.patch(
            f"/Groups/{group_id}",
            {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": member}]},
        )
