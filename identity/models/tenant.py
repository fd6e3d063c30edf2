"""What every tenant table shares: a time-ordered key and its organization."""

from typing import Any

from django.db import models

from audit.ids import uuid7


class TenantModel(models.Model):
    """A row of one organization.

    PostgreSQL enforces the references as (organization_id, id) pairs (audit.schema.refer), so Django's own single-column
    constraints are switched off on every foreign key.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        "identity.Organization",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="%(class)ss",
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.pk}"


def reference(
    to: str, related_name: str, *, null: bool = False, indexed: bool = False
) -> "models.ForeignKey[Any, Any]":
    """Return a foreign key within the organization; its constraint is the migration's (audit.schema.refer)."""
    return models.ForeignKey(
        to,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=indexed,
        related_name=related_name,
        null=null,
    )
