"""The deletion of an organization, from its being scheduled to its proof. It outlives the organization."""

from django.db import models
from django.db.models import Q

from audit.ids import uuid7


class Deletion(models.Model):
    """One deletion. PostgreSQL holds its way (migration 0028): no earlier than `delete_after`, of a suspended organization alone.

    `rows` counts what was deleted by table. `record_seq` and `record_hash` say how far the record has been followed, at the end where it
    ended. `bundle` is the last one that was ever finished. `proof` is the document, `proof_sha256` of its canonical form.
    """

    class State(models.TextChoices):
        """Scheduled ones can be cancelled; LAPSED: the organization was not suspended when its time came. ENDING: the record goes."""

        SCHEDULED = "scheduled"
        CANCELLED = "cancelled"
        LAPSED = "lapsed"
        DELETING = "deleting"
        ENDING = "ending"
        DONE = "done"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # No reference: there will be nothing to refer to.
    organization_id = models.UUIDField()
    name = models.TextField()
    slug = models.TextField()
    state = models.TextField(choices=State.choices, default=State.SCHEDULED)
    asked_by = models.JSONField()
    asked_at = models.DateTimeField()
    delete_after = models.DateTimeField()
    reason = models.TextField(blank=True)
    cancelled_by = models.JSONField(null=True)
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    rows = models.JSONField(default=dict)
    record_seq = models.BigIntegerField(default=0)
    record_hash = models.TextField(blank=True)
    bundle = models.JSONField(null=True)
    proof = models.JSONField(null=True)
    proof_sha256 = models.TextField(blank=True)

    OPEN = (State.SCHEDULED, State.DELETING, State.ENDING)
    BEGUN = (State.DELETING, State.ENDING)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization_id"],
                condition=Q(state__in=["scheduled", "deleting", "ending"]),
                name="deletion_open_once",
            ),
        )
        indexes = (
            models.Index(
                fields=["delete_after"],
                condition=Q(state__in=["scheduled", "deleting", "ending"]),
                name="deletion_due",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"
