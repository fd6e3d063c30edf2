"""What directory sync keeps for itself: what a run has read, and what a directory last said about whom it told us of."""

from uuid import UUID

from django.db import models

from identity.models.tenant import reference


class _Row(models.Model):
    organization = reference("identity.Organization", "+")

    organization_id: UUID

    class Meta:
        abstract = True


class Known(_Row):
    """A person of a pulled directory, and what it last said of them.

    `digest` is the SHA-256 of what was applied, `names` the attributes that the directory fills: whatever else the profile has is not its
    own. `missing_*` count complete listings without them. `shut_at` is the time at which this directory suspended the member, so that it
    lets in again only whom it shut out; `shut_for`: signal, absent or removed. `gone_at`: the directory said expressly that they are gone.
    """

    pk = models.CompositePrimaryKey("directory_id", "external_id")
    directory = reference("identity.Directory", "+")
    external_id = models.TextField()
    member = reference("identity.Member", "+")
    digest = models.BinaryField()
    names = models.JSONField(default=list)
    version = models.TextField(blank=True)
    member_version = models.BigIntegerField(default=0)
    missing_since = models.DateTimeField(null=True)
    missing_runs = models.SmallIntegerField(default=0)
    shut_at = models.DateTimeField(null=True)
    shut_for = models.TextField(blank=True)
    gone_at = models.DateTimeField(null=True)

    member_id: UUID
    directory_id: UUID

    class Meta:
        indexes = (
            models.Index(fields=["organization", "member"], name="known_member"),
            models.Index(
                fields=["directory", "missing_since"],
                condition=models.Q(missing_since__isnull=False),
                name="known_missing",
            ),
        )


class MissingGroup(_Row):
    """A group of a pulled directory that complete listings no longer had."""

    pk = models.CompositePrimaryKey("directory_id", "external_id")
    directory = reference("identity.Directory", "+")
    external_id = models.TextField()
    missing_since = models.DateTimeField()
    missing_runs = models.SmallIntegerField()


class StagedPage(_Row):
    """What a page said that need not be news: who is there as before (`seen`), and whom it named for which group.

    Lists in one row and no row for each: of a directory in which nothing has changed nothing else is kept. `groups` and `members` are
    of one length, and so is `departures` (True: they left), or empty where nobody left. A later page's word counts, and within a page
    the later one.
    """

    pk = models.CompositePrimaryKey("run_id", "number")
    run = reference("identity.Run", "+")
    number = models.BigIntegerField()
    seen = models.JSONField(default=list)
    groups = models.JSONField(default=list)
    members = models.JSONField(default=list)
    departures = models.JSONField(default=list)


class StagedPerson(_Row):
    """What a run has read of one person: told (everything), removed, or torn (their rows differ, and none of them counts).

    `active` None: the directory did not say.
    """

    pk = models.CompositePrimaryKey("run_id", "external_id")
    run = reference("identity.Run", "+")
    external_id = models.TextField()
    word = models.TextField()
    digest = models.BinaryField()
    user_name = models.TextField(blank=True)
    user_name_key = models.TextField(blank=True)
    email_key = models.TextField(blank=True)
    profile = models.JSONField(default=dict)
    active = models.BooleanField(null=True)
    version = models.TextField(blank=True)

    class Meta:
        indexes = (models.Index(fields=["run", "user_name_key"], name="staged_person_name"),)


class StagedGroup(_Row):
    """What a run has read of one group: all, changes or unknown as the connector says of its members; removed."""

    pk = models.CompositePrimaryKey("run_id", "external_id")
    run = reference("identity.Run", "+")
    external_id = models.TextField()
    word = models.TextField()
    display_name = models.TextField(blank=True)


class StagedMembership(_Row):
    """Somebody who is to join a group, or to leave it (`present` False), as the plan found it. What is done is here no longer."""

    pk = models.CompositePrimaryKey("run_id", "group_key", "member_key")
    run = reference("identity.Run", "+")
    group_key = models.TextField()
    member_key = models.TextField()
    present = models.BooleanField()
