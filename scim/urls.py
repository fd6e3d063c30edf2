"""Addresses below /scim/v2/. A slash at the end changes nothing, nor does a small letter for a capital: some clients write /users."""

from django.urls import re_path

from scim import bulk, discovery, documentation, governance, group_members, groups, me, search, users

app_name = "scim"

# No id is called so: it is a base address that was given with /Users behind it.
_ID = r"(?P<resource_id>(?!(?:Users|Groups|Bulk|Schemas|ResourceTypes|ServiceProviderConfig)(?:/|$))[^/]+)"
_NAME = r"(?P<name>[^/]+)"

urlpatterns = [
    # What is asked most comes first.
    re_path(r"^[Uu]sers/?$", users.Users.as_view(), name="users"),
    # RFC 9865's own example (§3) asks at /User/.search.
    re_path(r"^[Uu]sers?/\.search/?$", users.Search.as_view(), name="users_search"),
    re_path(rf"^[Uu]sers/{_ID}/?$", users.User.as_view(), name="user"),
    re_path(r"^[Gg]roups/?$", groups.Groups.as_view(), name="groups"),
    re_path(r"^[Gg]roups/\.search/?$", groups.Search.as_view(), name="groups_search"),
    re_path(rf"^[Gg]roups/{_ID}/members/?$", group_members.GroupMembers.as_view(), name="group_members"),
    re_path(rf"^[Gg]roups/{_ID}/?$", groups.Group.as_view(), name="group"),
    re_path(
        r"^[Ss]ervice[Pp]rovider[Cc]onfigs?/?$", discovery.ServiceProviderConfig.as_view(), name="config"
    ),
    re_path(r"^documentation/?$", documentation.Documentation.as_view(), name="documentation"),
    re_path(r"^[Rr]esource[Tt]ypes?/?$", discovery.ResourceTypes.as_view(), name="resource_types"),
    re_path(rf"^[Rr]esource[Tt]ypes/{_NAME}/?$", discovery.ResourceType.as_view(), name="resource_type"),
    re_path(r"^[Ss]chemas/?$", discovery.Schemas.as_view(), name="schemas"),
    re_path(rf"^[Ss]chemas/{_NAME}/?$", discovery.Schema.as_view(), name="schema"),
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
