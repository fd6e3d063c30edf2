"""What an offboarding ended, kept for good; its digest stands in the record."""

from django.db import models

from identity.models.tenant import TenantModel, reference


class Receipt(TenantModel):
    """One offboarding. `digest` is SHA-256 of the canonical `body`, which is null once the person is erased."""

    member = reference("identity.Member", "receipts")
    signalled_at = models.DateTimeField()
    done_at = models.DateTimeField()
    digest = models.TextField()
    body = models.JSONField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["organization", "member"], name="receipt_by_member"),
            models.Index(fields=["organization", "done_at"], name="receipt_by_time"),
        )
