"""What SCIM keeps beside the domain: the requests that came, and who left through a directory and whether too many at once."""

from uuid import UUID

from django.db import models
from django.db.models import Q

from identity.models.tenant import TenantModel, reference


class ExtensionSchema(TenantModel):
    """A schema that an organization has defined for its people: its values are in Member.profile under `urn`.

    `attributes` are those of RFC 7643 section 7, as scim.schemas.definition checked them.
    """

    urn = models.TextField()
    urn_key = models.TextField()
    name = models.TextField()
    description = models.TextField(blank=True)
    attributes = models.JSONField()
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["organization", "urn_key"], name="extension_schema_urn"),
        )

    def __str__(self) -> str:
        return self.urn


class LoggedRequest(TenantModel):
    """One request of a directory, answered or refused. Not a source of truth: it is forgotten after the directory's time.

    `exchange` holds query, headers, bodies and answer, sealed under the organization's key (scim.exchange). `warnings` are the
    normaliser's notices; `client` is the identity provider that the traffic gives away. `duration_us` is in microseconds.
    """

    directory = reference("identity.Directory", "logged_requests")
    token_id = models.UUIDField()
    happened_at = models.DateTimeField()
    method = models.TextField()
    path = models.TextField()
    resource_id = models.UUIDField(null=True)
    status = models.SmallIntegerField()
    code = models.TextField(blank=True)
    duration_us = models.IntegerField()
    warnings = models.JSONField(default=list)
    client = models.TextField(blank=True)
    user_agent = models.TextField(blank=True)
    request_id = models.TextField()
    exchange = models.BinaryField()

    class Meta:
        indexes = (
            models.Index(fields=["organization", "directory", "id"], name="logged_request_page"),
            models.Index(
                fields=["organization", "resource_id", "id"],
                condition=Q(resource_id__isnull=False),
                name="logged_request_about",
            ),
            # A request that only reads leaves no entry to be found by.
            models.Index(
                fields=["organization", "request_id"],
                condition=~Q(method="GET"),
                name="logged_request_change",
            ),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"


class Burst(TenantModel):
    """More people left through a directory, within a while, than its budget allows: held until an administrator decides.

    `decision` is empty while nobody has decided; what is decided is carried out departure by departure, and `done_at` says when
    the last one was. `decided_by` is the actor: kind, id, label.
    """

    class Decision(models.TextChoices):
        """What an administrator said."""

        CONFIRM = "confirm"
        ROLL_BACK = "roll_back"

    directory = reference("identity.Directory", "bursts")
    kind = models.TextField()
    budget = models.JSONField()
    opened_at = models.DateTimeField()
    decision = models.TextField(choices=Decision.choices, blank=True)
    decided_by = models.JSONField(default=dict)
    decided_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(
                fields=["organization", "directory", "kind"], condition=Q(decision=""), name="burst_held"
            ),
            models.Index(
                fields=["decided_at"],
                condition=Q(decided_at__isnull=False, done_at__isnull=True),
                name="burst_undone",
            ),
        )


class Departure(TenantModel):
    """One person whom a directory suspended, deleted or took out of a group. `outcome`: what became of it in its burst.

    `through` is the group that was taken out of `group`, where the person themselves was not named.
    """

    class Kind(models.TextChoices):
        """What the directory asked for. HELD: it asked to delete, and its budget being spent the person is suspended."""

        SUSPEND = "suspend"
        DELETE = "delete"
        HELD = "delete_held"
        LEAVE = "leave_group"
        # A group that they are in was taken out of another, which they are in no more.
        UNNEST = "leave_nested_group"

    directory = reference("identity.Directory", "departures")
    member = reference("identity.Member", "departures")
    group = reference("identity.Group", "departures", null=True)
    through = reference("identity.Group", "departures_through", null=True)
    burst = reference("scim.Burst", "departures", null=True)
    kind = models.TextField(choices=Kind.choices)
    happened_at = models.DateTimeField()
    outcome = models.TextField(blank=True)

    group_id: UUID | None
    through_id: UUID | None
    directory_id: UUID
    member_id: UUID

    class Meta:
        indexes = (
            models.Index(
                fields=["organization", "directory", "happened_at"],
                condition=Q(burst__isnull=True),
                name="departure_loose",
            ),
            models.Index(
                fields=["organization", "burst", "happened_at"],
                condition=Q(burst__isnull=False),
                name="departure_in_burst",
            ),
            models.Index(
                fields=["organization", "member"],
                condition=Q(burst__isnull=False),
                name="departure_of_member",
            ),
        )


class Walk(TenantModel):
    """How far a token has come in a list that it walks by startIndex: the page at `start` begins behind the row of this key.

    Not a source of truth: the table is not even logged, and a place is forgotten within hours (docs/decisions/scim-pages.md).
    `total` is what was counted when the walk began.
    """

    directory = reference("identity.Directory", "walks")
    token_id = models.UUIDField()
    question = models.TextField()
    start = models.BigIntegerField()
    value = models.TextField(null=True)  # noqa: DJ001 - the sorted value; absent is not empty
    last = models.UUIDField()
    total = models.BigIntegerField()
    noted_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "token_id", "question", "start"], name="walk_place"
            ),
        )
        indexes = (models.Index(fields=["noted_at"], name="walk_noted_at"),)
