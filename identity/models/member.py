"""A person in one organization, the times when they were active, and invitations."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from identity.models.tenant import TenantModel, reference


class MemberManager(BaseUserManager["Member"]):
    """Members are made by `identity.members.provision` alone; this is only Django's required name."""


class Member(AbstractBaseUser, TenantModel):
    """A person in one organization. The same human in two organizations is two members.

    `profile` holds the descriptive attributes under the names of RFC 7643 section 4.1 (and extension URNs); the columns beside it
    that people search and match by are derived from it by the verbs. `version` grows by one with each change.
    `session_epoch` is copied into sessions and tokens of the member: raising it ends them all.
    """

    class State(models.TextChoices):
        """Suspended keeps access dormant and can come back by machine; offboarded has none and comes back by an administrator."""

        ACTIVE = "active"
        SUSPENDED = "suspended"
        OFFBOARDED = "offboarded"

    last_login = None
    user_name = models.TextField()
    user_name_key = models.TextField()
    email = models.TextField(blank=True)
    email_key = models.TextField(blank=True)
    email_claim = models.TextField(null=True)  # noqa: DJ001 - unique where present
    display_name = models.TextField(blank=True)
    profile = models.JSONField(default=dict)
    state = models.TextField(choices=State.choices, default=State.ACTIVE)
    state_reason = models.TextField(blank=True)
    version = models.BigIntegerField(default=1)
    session_epoch = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    suspended_at = models.DateTimeField(null=True)
    offboarded_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    last_sign_in_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)

    USERNAME_FIELD = "user_name"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[MemberManager] = MemberManager()

    class Meta:
        constraints = (
            # An offboarded member gives the user name free: a new hire may get it.
            models.UniqueConstraint(
                fields=["organization", "user_name_key"],
                condition=~Q(state="offboarded"),
                name="member_user_name",
            ),
            # Filled only where the organization wants one member an address.
            models.UniqueConstraint(
                fields=["organization", "email_claim"],
                condition=~Q(state="offboarded") & Q(email_claim__isnull=False),
                name="member_email",
            ),
        )
        indexes = (
            # The unique one leaves out offboarded people; matching asks for them too.
            models.Index(fields=["organization", "user_name_key"], name="member_user_name_key"),
            models.Index(fields=["organization", "email_key"], name="member_email_key"),
            models.Index(fields=["organization", "changed_at", "id"], name="member_changed"),
            models.Index("organization", Lower("display_name"), "id", name="member_display_name"),
            # Few, as a rule: whoever asks for them need not look at everybody else.
            models.Index(fields=["organization", "id"], condition=~Q(state="active"), name="member_inactive"),
            models.Index(
                "organization",
                "state",
                Lower("display_name"),
                "id",
                condition=~Q(state="active"),
                name="member_inactive_name",
            ),
            models.Index(fields=["ends_at"], condition=Q(ends_at__isnull=False), name="member_ends_at"),
            models.Index(fields=["suspended_at"], condition=Q(state="suspended"), name="member_suspended_at"),
        )

    def __str__(self) -> str:
        return self.user_name

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """Whether the member may come in."""
        return self.state == self.State.ACTIVE


class ActivePeriod(TenantModel):
    """One stretch of time in which the member was active."""

    member = reference("identity.Member", "active_periods")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "member"],
                condition=Q(ended_at__isnull=True),
                name="active_period_open_once",
            ),
        )
        indexes = (
            models.Index(fields=["organization", "member", "started_at"], name="active_period_member"),
        )


class Invitation(TenantModel):
    """An address that may join, until it is accepted, withdrawn or expired. `grants` and `roles` come with joining."""

    email = models.TextField()
    email_key = models.TextField()
    roles = models.JSONField(default=list)
    grants = models.JSONField(default=list)
    member = reference("identity.Member", "invitations", null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "email_key"],
                condition=Q(accepted_at__isnull=True, withdrawn_at__isnull=True),
                name="invitation_open_once",
            ),
        )


# As much of a text as is sure to fit an index row.
KEY_CHARACTERS_MAX = 500


class MemberKey(models.Model):
    """A text of a member's profile that people are looked up by, in lower case and cut: each e-mail address, and the display name.

    PostgreSQL keeps it (migration 0021), whoever writes the profile. `kind` is the attribute's name in RFC 7643.
    """

    pk = models.CompositePrimaryKey("organization_id", "kind", "key", "member_id")
    organization_id = models.UUIDField()
    kind = models.TextField()
    key = models.TextField(db_collation="C")
    member_id = models.UUIDField()

    def __str__(self) -> str:
        return self.key
