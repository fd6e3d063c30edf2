"""A whole organization in one archive: who asked for it, how far it is, and the archive itself, sealed and in pieces."""

from uuid import UUID

from django.db import models
from django.db.models import Q

from identity.models.tenant import TenantModel, reference


class Bundle(TenantModel):
    """One export of an organization. The row is the queue: `lease` names the worker that writes it, until `lease_until`.

    So far `rows` of about `rows_expected` are written; `file` is being written now. Once the archive is ready, `sha256`, `size` (bytes) and
    the last position and hash of the record in it are set; they outlive the archive.
    """

    class State(models.TextChoices):
        """A WRITING one belongs to the workers, `begun_at` is when the first of them began; a READY one can be had until `expires_at`.

        ELSEWHERE is one that the command wrote to a disk.
        """

        WRITING = "writing"
        READY = "ready"
        FAILED = "failed"
        EXPIRED = "expired"
        DISCARDED = "discarded"
        ELSEWHERE = "elsewhere"

    state = models.TextField(choices=State.choices, default=State.WRITING)
    asked_by = models.JSONField()
    asked_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    file = models.TextField(blank=True)
    rows = models.BigIntegerField(default=0)
    rows_expected = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    sha256 = models.TextField(blank=True)
    record_seq = models.BigIntegerField(default=0)
    record_hash = models.TextField(blank=True)
    problem = models.TextField(blank=True)

    organization_id: UUID

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization"], condition=Q(state="writing"), name="bundle_written_once"
            ),
        )
        indexes = (
            models.Index(fields=["asked_at"], condition=Q(state="writing"), name="bundle_waiting"),
            models.Index(fields=["expires_at"], condition=Q(state="ready"), name="bundle_expires_at"),
        )


class BundleChunk(TenantModel):
    """A piece of the archive, sealed under the organization's key for its bundle and its place."""

    bundle = reference("identity.Bundle", "chunks")
    number = models.IntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["organization", "bundle", "number"], name="bundle_chunk_once"),
        )
