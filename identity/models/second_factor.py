"""What a member shows beside the password: an authenticator app, and recovery codes for when it is lost."""

from django.db import models

from identity.models.tenant import TenantModel, reference


class SecondFactor(TenantModel):
    """The authenticator app of a member. `last_step` is the time step (RFC 6238) whose code was spent last."""

    member = reference("identity.Member", "second_factors")
    secret_sealed = models.BinaryField()
    last_step = models.BigIntegerField(default=0)
    enrolled_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organization", "member"], name="second_factor_once"),)


class RecoveryCode(TenantModel):
    """The digest of one recovery code, which opens once."""

    member = reference("identity.Member", "recovery_codes")
    digest = models.BinaryField()
    created_at = models.DateTimeField()
    spent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["organization", "member", "digest"], name="recovery_code_once"),
        )
