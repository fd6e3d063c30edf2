"""Places people come from, who came from where, and how many they are."""

from django.db import models
from django.db.models import Q

from identity.models.tenant import TenantModel, reference


class Directory(TenantModel):
    """A SCIM client (with its tokens) or a pull connector. External ids are unique within it, never in the organization."""

    kind = models.TextField(default="scim")
    name = models.TextField()
    idp = models.TextField(default="generic")
    settings = models.JSONField(default=dict)
    defaults = models.JSONField(default=dict)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_heard_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organization", "name"], name="directory_name"),)

    def __str__(self) -> str:
        return self.name


class Link(TenantModel):
    """The word that a member is that person of the directory. A directory sees and alters only members with a live link.

    A tombstone says that the directory itself deleted the person: late news must not resurrect them.
    `source_version` is the directory's own version of what it last told us, where it has one. `moved_at` (identity.moves): somebody moved
    the person to this directory, which has not told of them since; with a tombstone, away from it, and its word about them counts no more.
    """

    directory = reference("identity.Directory", "links")
    member = reference("identity.Member", "links")
    external_id = models.TextField(null=True)  # noqa: DJ001 - absent is not empty: unique where present
    source_version = models.TextField(blank=True)
    linked_at = models.DateTimeField()
    tombstoned_at = models.DateTimeField(null=True)
    moved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "directory", "external_id"],
                condition=Q(tombstoned_at__isnull=True),
                name="link_external_id",
            ),
            models.UniqueConstraint(fields=["organization", "directory", "member"], name="link_member"),
        )
        indexes = (
            models.Index(fields=["organization", "member"], name="link_by_member"),
            models.Index(
                fields=["organization", "directory", "external_id"],
                condition=Q(moved_at__isnull=False),
                name="link_moved",
            ),
        )


class DirectorySize(TenantModel):
    """A part of how many live links a directory has, and how many of those people are active: the sums are exact in every snapshot.

    PostgreSQL keeps it (migrations 0017, 0036). Each transaction adds to a row that no other one is at, so that newcomers don't queue.
    """

    directory = reference("identity.Directory", "sizes")
    people = models.BigIntegerField()
    active = models.BigIntegerField(default=0)

    class Meta:
        indexes = (models.Index(fields=["organization", "directory"], name="directory_size"),)


class Stretch(models.Model):
    """A piece of a directory's list, in the order of ids: from `first` up to the next piece's, `people` live links when it was counted.

    Together with the steps since then the count is exact in every snapshot. A client that jumps into the list skips whole stretches.
    """

    pk = models.CompositePrimaryKey("organization_id", "directory_id", "first")
    organization_id = models.UUIDField()
    directory_id = models.UUIDField()
    first = models.UUIDField()
    people = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.people} from {self.first}"


class StretchStep(models.Model):
    """A live link that came (1) or went (-1) since its stretch was counted: writers only add rows, and never wait for one another.

    PostgreSQL writes it with the link, and `identity_count_stretches` takes it away (migration 0036).
    """

    pk = models.CompositePrimaryKey("organization_id", "directory_id", "id")
    organization_id = models.UUIDField()
    directory_id = models.UUIDField()
    id = models.UUIDField()
    member_id = models.UUIDField()
    difference = models.SmallIntegerField()

    def __str__(self) -> str:
        return f"{self.difference} at {self.member_id}"
