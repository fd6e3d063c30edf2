"""A customer, and the e-mail domains that it has proved."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from audit.ids import uuid7
from identity.models.tenant import TenantModel


class Organization(models.Model):
    """A customer. One of them is the operating organization, whose members run the whole server."""

    class AccessModel(models.TextChoices):
        """Which kinds of resources an organization begins with."""

        PORTFOLIO_ASSET = "portfolio_asset"
        COMPANY_SHOP = "company_shop"

    class State(models.TextChoices):
        """A suspended organization keeps its data and lets nobody in."""

        ACTIVE = "active"
        SUSPENDED = "suspended"

    class SignOn(models.TextChoices):
        """Whether people may come in with a password beside single sign-on."""

        ALSO_PASSWORD = "also_password"  # noqa: S105 - the name of a way in
        SINGLE_SIGN_ON = "single_sign_on"

    class SecondFactor(models.TextChoices):
        """Who shows a second factor when signing in: who has set one up, everybody with a password, or everybody at all."""

        OPTIONAL = "optional"
        PASSWORDS = "passwords"
        EVERYBODY = "everybody"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.TextField()
    slug = models.TextField(unique=True)
    access_model = models.TextField(choices=AccessModel.choices)
    state = models.TextField(choices=State.choices, default=State.ACTIVE)
    is_operating = models.BooleanField(default=False)
    email_unique = models.BooleanField(default=False)
    grace_days = models.PositiveIntegerField(default=30)
    session_hours = models.PositiveIntegerField(default=24)
    second_factor = models.TextField(
        choices=SecondFactor.choices, default=SecondFactor.OPTIONAL, db_default="optional"
    )
    time_zone = models.TextField(default="UTC", db_default="UTC")
    # Days after which an offboarded person's details are erased; 0 keeps them.
    retention_days = models.PositiveIntegerField(default=0, db_default=0)
    # Grows with each change of the organization's own schemas (scim.registry); read with every token.
    schemas_version = models.PositiveIntegerField(default=0, db_default=0)
    defaults = models.JSONField(default=dict)
    sign_on = models.TextField(
        choices=SignOn.choices, default=SignOn.ALSO_PASSWORD, db_default="also_password"
    )
    # Whose password still opens the door where single sign-on alone does.
    break_glass_id = models.UUIDField(null=True)
    # A DNS name by which people find the door; a hint, which need not exist.
    sso_identifier = models.TextField(null=True)  # noqa: DJ001 - unique, and many have none
    # When a deletion that is scheduled may begin (identity.deletions); null while none is.
    delete_after = models.DateTimeField(null=True)
    # Off: sign-in begins at the identity provider alone.
    start_here = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["is_operating"], condition=Q(is_operating=True), name="one_operating_organization"
            ),
            models.UniqueConstraint(fields=["sso_identifier"], name="organization_sso_identifier"),
        )

    def __str__(self) -> str:
        return self.name


class Domain(TenantModel):
    """An e-mail domain. Several organizations may claim one, a single one may have proved it."""

    class Proof(models.TextChoices):
        """How it was proved."""

        DNS = "dns"
        OPERATOR = "operator"

    name = models.TextField()
    challenge = models.TextField()
    proof = models.TextField(choices=Proof.choices, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    proved_at = models.DateTimeField(null=True)
    # The organization's identity provider is the only authority for people of this domain.
    canonical = models.BooleanField(default=False, db_default=False)
    # When DNS is asked next: null for never, as after an operator's word. `failures` counts the answers in a row without our record.
    due_at = models.DateTimeField(null=True, default=timezone.now, db_default=Now())
    checked_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, db_default=0)
    problem = models.TextField(blank=True, default="", db_default="")
    missing_since = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["organization", "name"], name="domain_once_in_organization"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(proved_at__isnull=False), name="domain_proved_once"
            ),
        )
        indexes = (models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="domain_due_at"),)

    def __str__(self) -> str:
        return self.name
