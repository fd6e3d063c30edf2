"""Bearer tokens, browser sessions, and the key that seals an organization's secrets."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from audit.ids import uuid7
from identity.models.tenant import TenantModel, reference


class Token(TenantModel):
    """A bearer credential: a prefix to look it up and a digest to compare. Owned by a member or a directory.

    The secret itself is shown once and stored nowhere. `epoch` must equal the owner's session epoch.
    """

    prefix = models.TextField(unique=True)
    digest = models.BinaryField()
    name = models.TextField(blank=True)
    scopes = ArrayField(models.TextField(), default=list)
    member = reference("identity.Member", "tokens", null=True)
    directory = reference("identity.Directory", "tokens", null=True)
    # A service's token outlives its owner: a leaver's is handed over, or revoked with the rest.
    service = models.BooleanField(default=False, db_default=False)
    epoch = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    # The last warning of the end that was sent: so many days before. 0: no more is to be said.
    warned_days = models.PositiveSmallIntegerField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(member__isnull=False, directory__isnull=True)
                | Q(member__isnull=True, directory__isnull=False),
                name="token_has_one_owner",
            ),
        )
        indexes = (
            models.Index(fields=["organization", "member"], name="token_by_member"),
            models.Index(fields=["organization", "directory"], name="token_by_directory"),
            models.Index(
                fields=["expires_at"], condition=Q(revoked_at__isnull=True), name="token_expires_at"
            ),
        )


class Session(TenantModel):
    """One signed-in browser of one member, with the SAML names by which its identity provider can end it.

    A session that `awaits_factor` opens nothing but the page that asks for the second factor.
    """

    digest = models.BinaryField(unique=True)
    member = reference("identity.Member", "sessions")
    epoch = models.IntegerField()
    connection_id = models.UUIDField(null=True)
    name_id_digest = models.BinaryField(null=True)
    name_id = models.BinaryField(null=True)
    session_index = models.TextField(blank=True)
    ip = models.TextField(blank=True)
    user_agent = models.TextField(blank=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # SessionNotOnOrAfter: nothing extends the session beyond it.
    not_after = models.DateTimeField(null=True)
    awaits_factor = models.BooleanField(default=False, db_default=False)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.TextField(blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["organization", "member"], name="session_by_member"),
            models.Index(
                fields=["organization", "connection_id", "name_id_digest"], name="session_by_name_id"
            ),
            models.Index(
                fields=["organization", "expires_at"],
                condition=Q(ended_at__isnull=True),
                name="session_expires_at",
            ),
        )


class DataKey(models.Model):
    """The key that seals an organization's secrets, itself wrapped by a master key from the environment."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.OneToOneField(
        "identity.Organization", on_delete=models.DO_NOTHING, db_constraint=False, related_name="data_key"
    )
    master_key_id = models.TextField()
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.organization_id)
