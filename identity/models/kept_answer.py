"""Answers of the REST API that are kept for a day, so that a call that is sent again does its work once."""

from django.db import models

from identity.models.tenant import TenantModel


class KeptAnswer(TenantModel):
    """What a caller's request with an Idempotency-Key was answered. The body is sealed: it may hold a new token.

    `request_digest` is keyed (HMAC): a body may hold a password.
    """

    caller = models.TextField()
    key_digest = models.BinaryField()
    request_digest = models.BinaryField()
    status = models.PositiveIntegerField()
    body_sealed = models.BinaryField()
    answered_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["organization", "caller", "key_digest"], name="answer_kept_once"),
        )
        indexes = (models.Index(fields=["answered_at"], name="answer_kept_since"),)
