"""Groups, who is in them since when, and who is expected."""

from uuid import UUID

from django.db import models
from django.db.models import Q

from identity.models.tenant import TenantModel, reference


class Group(TenantModel):
    """A SCIM group, or one of the organization's own (without a directory).

    `moved_at`: somebody moved it to this directory (identity.moves), which has not told of it since.
    """

    directory = reference("identity.Directory", "groups", null=True)
    display_name = models.TextField()
    display_name_key = models.TextField()
    external_id = models.TextField(null=True)  # noqa: DJ001 - absent is not empty: unique where present
    profile = models.JSONField(default=dict)
    version = models.BigIntegerField(default=1)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    moved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "directory", "display_name_key"],
                condition=Q(ended_at__isnull=True),
                nulls_distinct=False,
                name="group_name",
            ),
            models.UniqueConstraint(
                fields=["organization", "directory", "external_id"],
                condition=Q(ended_at__isnull=True),
                name="group_external_id",
            ),
        )

    def __str__(self) -> str:
        return self.display_name


class Membership(TenantModel):
    """A member in a group, from a beginning to an end."""

    group = reference("identity.Group", "memberships")
    member = reference("identity.Member", "memberships")
    # The SAML connection whose sign-in brought it; what others brought, a sign-in does not take.
    connection_id = models.UUIDField(null=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "group", "member"],
                condition=Q(ended_at__isnull=True),
                name="membership_open_once",
            ),
        )
        indexes = (models.Index(fields=["organization", "member"], name="membership_by_member"),)


class Nesting(TenantModel):
    """A group in a group, from a beginning to an end: whoever is in the child is in the parent."""

    parent = reference("identity.Group", "inner")
    child = reference("identity.Group", "outer")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    parent_id: UUID
    child_id: UUID

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "parent", "child"],
                condition=Q(ended_at__isnull=True),
                name="nesting_open_once",
            ),
            models.CheckConstraint(condition=~Q(parent=models.F("child")), name="nesting_not_itself"),
        )
        indexes = (models.Index(fields=["organization", "child"], name="nesting_by_child"),)


class PendingMembership(TenantModel):
    """A directory named somebody for a group whom we don't know yet; they join when they arrive."""

    group = reference("identity.Group", "pending_memberships")
    directory = reference("identity.Directory", "pending_memberships")
    value = models.TextField()
    named_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["organization", "group", "value"], name="pending_once"),
        )
        indexes = (models.Index(fields=["organization", "directory", "value"], name="pending_by_value"),)
