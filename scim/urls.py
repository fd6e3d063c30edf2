"""Addresses below /scim/v2/. A slash at the end changes nothing: some clients write one."""

from django.urls import re_path

from scim import bulk, discovery, documentation, governance, group_members, groups, me, search, users

app_name = "scim"

_ID = r"(?P<resource_id>[^/]+)"
_NAME = r"(?P<name>[^/]+)"

urlpatterns = [
    # What is asked most comes first.
    re_path(r"^Users/?$", users.Users.as_view(), name="users"),
    re_path(r"^Users/\.search/?$", users.Search.as_view(), name="users_search"),
    re_path(rf"^Users/{_ID}/?$", users.User.as_view(), name="user"),
    re_path(r"^Groups/?$", groups.Groups.as_view(), name="groups"),
    re_path(r"^Groups/\.search/?$", groups.Search.as_view(), name="groups_search"),
    re_path(rf"^Groups/{_ID}/members/?$", group_members.GroupMembers.as_view(), name="group_members"),
    re_path(rf"^Groups/{_ID}/?$", groups.Group.as_view(), name="group"),
    re_path(r"^ServiceProviderConfigs?/?$", discovery.ServiceProviderConfig.as_view(), name="config"),
    re_path(r"^documentation/?$", documentation.Documentation.as_view(), name="documentation"),
    re_path(r"^ResourceTypes/?$", discovery.ResourceTypes.as_view(), name="resource_types"),
    re_path(rf"^ResourceTypes/{_NAME}/?$", discovery.ResourceType.as_view(), name="resource_type"),
    re_path(r"^Schemas/?$", discovery.Schemas.as_view(), name="schemas"),
    re_path(rf"^Schemas/{_NAME}/?$", discovery.Schema.as_view(), name="schema"),
    re_path(r"^Roles/?$", governance.Roles.as_view(), name="roles"),
    re_path(r"^Roles/\.search/?$", governance.RoleSearch.as_view(), name="roles_search"),
    re_path(rf"^Roles/{_ID}/?$", governance.Role.as_view(), name="role"),
    re_path(r"^Entitlements/?$", governance.Entitlements.as_view(), name="entitlements"),
    re_path(r"^Entitlements/\.search/?$", governance.EntitlementSearch.as_view(), name="entitlements_search"),
    # The product's own ids are in it, and hold whatever the product likes.
    re_path(r"^Entitlements/(?P<resource_id>.+?)/?$", governance.Entitlement.as_view(), name="entitlement"),
    re_path(r"^Me/?$", me.Me.as_view(), name="me"),
    re_path(r"^Bulk/?$", bulk.Bulk.as_view(), name="bulk"),
    re_path(r"^$", search.Root.as_view(), name="root"),
    re_path(r"^\.search/?$", search.RootSearch.as_view(), name="search"),
    re_path(r"^", discovery.Nowhere.as_view(), name="nowhere"),
]
