"""Grants and roles, from a beginning to an end, and what became of first permissions."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from identity.models.tenant import TenantModel, reference


class Origin(models.TextChoices):
    """Where access came from, strongest first (design: first permissions)."""

    ADMIN = "admin"
    ASSERTED = "asserted"
    CONNECTION_DEFAULT = "connection_default"
    DIRECTORY_DEFAULT = "directory_default"
    ORGANIZATION_DEFAULT = "organization_default"
    INVITATION = "invitation"


class Held(TenantModel):
    """What grants and role assignments share.

    `held` says that an administrator has spoken about it: given it, confirmed it or taken it away. No machine path touches it then.
    """

    origin = models.TextField(choices=Origin.choices)
    held = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Grant(Held):
    """Member, resource, permission, origin, beginning, end."""

    member = reference("identity.Member", "grants")
    resource = reference("identity.Resource", "grants")
    permission = models.TextField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "member", "resource", "permission"],
                condition=Q(ended_at__isnull=True),
                name="grant_open_once",
            ),
        )
        indexes = (models.Index(fields=["organization", "resource", "member"], name="grant_by_resource"),)


class Role(TenantModel):
    """A named set of capabilities; `name` is lowercase with underscores, and what identity providers assert."""

    name = models.TextField()
    label = models.TextField(blank=True)
    capabilities = ArrayField(models.TextField(), default=list)
    built_in = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organization", "name"], name="role_name"),)

    def __str__(self) -> str:
        return self.name


class RoleAssignment(Held):
    """A member's role, from a beginning to an end."""

    member = reference("identity.Member", "role_assignments")
    role = reference("identity.Role", "assignments")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "member", "role"],
                condition=Q(ended_at__isnull=True),
                name="role_assignment_open_once",
            ),
        )


class FirstAccess(TenantModel):
    """That first permissions of one stage were applied to a member: once, whatever the order and number of arrivals."""

    class Stage(models.TextChoices):
        """Defaults come at creation; what the IdP asserts takes their place once, grants and roles each for itself."""

        DEFAULTS = "defaults"
        ASSERTED_GRANTS = "asserted_grants"
        ASSERTED_ROLES = "asserted_roles"

    member = reference("identity.Member", "first_access")
    stage = models.TextField(choices=Stage.choices)
    origin = models.TextField(choices=Origin.choices)
    applied_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["organization", "member", "stage"], name="first_access_once"),
        )
