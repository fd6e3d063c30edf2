"""What a group brings to whoever is in it: grants and roles, from a beginning to an end."""

from django.db import models
from django.db.models import Q

from identity.models.tenant import TenantModel, reference


class GroupGrant(TenantModel):
    """A permission on a resource for every member of the group, as long as they are in it."""

    group = reference("identity.Group", "grants")
    resource = reference("identity.Resource", "group_grants")
    permission = models.TextField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "group", "resource", "permission"],
                condition=Q(ended_at__isnull=True),
                name="group_grant_open_once",
            ),
        )
        indexes = (
            models.Index(fields=["organization", "resource", "group"], name="group_grant_by_resource"),
        )


class GroupRole(TenantModel):
    """A role for every member of the group, as long as they are in it."""

    group = reference("identity.Group", "roles")
    role = reference("identity.Role", "group_roles")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "group", "role"],
                condition=Q(ended_at__isnull=True),
                name="group_role_open_once",
            ),
        )
