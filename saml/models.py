"""Connections with their certificates and keys, sign-in attempts, spent assertions, and who is who at an identity provider."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from identity.models.tenant import TenantModel, reference


class Connection(TenantModel):
    """One SAML service provider of an organization, facing one identity provider.

    `version` grows with every change of it, its certificates or its keys: what is cached is cached under it.
    """

    class Join(models.TextChoices):
        """Whom the identity provider may bring in: anyone whom it signs in, or only people who are members already."""

        ANYONE = "anyone"
        INVITED = "invited"

    name = models.TextField()
    idp_preset = models.TextField(default="generic")
    idp_entity_id = models.TextField(blank=True)
    idp_metadata_url = models.TextField(blank=True)
    sso_url = models.TextField(blank=True)
    sso_binding = models.TextField(default="redirect")
    slo_url = models.TextField(blank=True)
    slo_binding = models.TextField(default="redirect")
    slo_response_url = models.TextField(blank=True)
    signed = models.TextField(default="either")
    encryption = models.TextField(default="off")
    allow_cbc = models.BooleanField(default=False)
    allow_idp_initiated = models.BooleanField(default=False)
    destination_waived = models.BooleanField(default=False)
    sha1_until = models.DateTimeField(null=True)
    skew_seconds = models.PositiveIntegerField(default=60)
    sign_requests = models.BooleanField(default=True)
    force_authn = models.BooleanField(default=False)
    encrypt_name_id = models.BooleanField(default=False, db_default=False)
    name_id_format = models.TextField(blank=True)
    authn_contexts = ArrayField(models.TextField(), default=list)
    join = models.TextField(choices=Join.choices, default=Join.ANYONE)
    allow_other_domains = models.BooleanField(default=False)
    attribute_mapping = models.JSONField(default=dict)
    defaults = models.JSONField(null=True)
    """None until somebody has chosen, even if "none" is what they chose."""
    follows = ArrayField(models.TextField(), default=list, db_default=[])
    """Which of roles, grants and groups the identity provider goes on deciding at each sign-in."""
    active = models.BooleanField(default=False)
    tested_at = models.DateTimeField(null=True)
    tested_key = models.TextField(blank=True, default="", db_default="")
    """Fingerprint of the certificate that signed the passed test."""
    renewal_began_at = models.DateTimeField(null=True)
    renewal_ends_at = models.DateTimeField(null=True)
    """Between the two, people may come under another name than before (saml.renewal)."""
    version = models.BigIntegerField(default=1)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organization", "name"], name="connection_name"),)

    def __str__(self) -> str:
        return self.name


class MetadataWatch(TenantModel):
    """When the metadata of a connection is read again, and how the last reading went. Only the clock writes it, so it is not recorded.

    `held` says why an administrator has to look: a reason of `saml.refresh` or a code of `saml.refusals`.
    """

    connection = reference("saml.Connection", "metadata_watches")
    due_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    held = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["organization", "connection"], name="metadata_watch_once"),
        )
        indexes = (models.Index(fields=["due_at"], name="metadata_watch_due"),)


class MetadataFetch(TenantModel):
    """An address that somebody typed and a worker loads: waiting, taken, answered (a document or a problem), deleted when handed over.

    A question that changes nothing, so nothing of it is recorded; `asked_by` says whose it was. `left_at` is set when whoever asked
    waits no longer: then whoever asks for the same takes it over.
    """

    url = models.TextField()
    asked_at = models.DateTimeField()
    asked_by = models.TextField()
    taken_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)
    document = models.BinaryField(null=True)
    problem = models.TextField(blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["organization", "asked_at"], name="metadata_fetch_asked"),
            models.Index(
                fields=["asked_at"], condition=Q(answered_at__isnull=True), name="metadata_fetch_waiting"
            ),
        )


class IdpCertificate(TenantModel):
    """A certificate of the identity provider. Trust is by its key; a row stays when it is no longer trusted."""

    connection = reference("saml.Connection", "certificates")
    pem = models.TextField()
    fingerprint = models.TextField()
    use = models.TextField(default="signing")
    subject = models.TextField(blank=True)
    not_after = models.DateTimeField()
    added_at = models.DateTimeField()
    missing_since = models.DateTimeField(null=True)
    """Since when the identity provider's metadata no longer holds it; it is trusted a while longer."""
    warned_days = models.SmallIntegerField(null=True)
    """The last of `saml.expiry.WARNING_DAYS` that was told."""
    first_used_at = models.DateTimeField(null=True)
    """When somebody first came in by its key."""
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "connection", "fingerprint", "use"],
                condition=Q(removed_at__isnull=True),
                name="idp_certificate_once",
            ),
        )


class KeyPair(TenantModel):
    """A key pair of ours in one connection: the next one is published, the current one signs, the previous one still opens."""

    class State(models.TextChoices):
        """Its place in a rollover."""

        NEXT = "next"
        CURRENT = "current"
        PREVIOUS = "previous"
        RETIRED = "retired"

    connection = reference("saml.Connection", "key_pairs")
    state = models.TextField(choices=State.choices, default=State.CURRENT)
    certificate = models.TextField()
    private_sealed = models.BinaryField()
    not_after = models.DateTimeField()
    warned_days = models.SmallIntegerField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "connection", "state"],
                condition=~Q(state="retired"),
                name="key_pair_one_a_state",
            ),
        )


class Attempt(TenantModel):
    """One sign-in, from before the redirect to its end: the store of open requests, and the sign-in log.

    `nonce_digest` is of a random value that only the browser which began holds. `consumed_at` is set once, by
    one conditional UPDATE, whatever the outcome then is.
    """

    class Purpose(models.TextChoices):
        """What the sign-in is for. A test creates nothing and signs nobody in."""

        LOGIN = "login"
        TEST = "test"
        LINK = "link"

    class Outcome(models.TextChoices):
        """How it ended; open until then."""

        OPEN = "open"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        INCOMPLETE = "incomplete"

    connection = reference("saml.Connection", "attempts")
    purpose = models.TextField(choices=Purpose.choices, default=Purpose.LOGIN)
    outcome = models.TextField(choices=Outcome.choices, default=Outcome.OPEN)
    request_id = models.TextField(null=True)  # noqa: DJ001 - unique, and many have none
    nonce_digest = models.BinaryField(null=True)
    target = models.TextField(blank=True)
    force_authn = models.BooleanField(default=False)
    authn_contexts = ArrayField(models.TextField(), default=list)
    member = reference("identity.Member", "sign_in_attempts", null=True)
    user_name = models.TextField(blank=True)
    session_id = models.UUIDField(null=True)
    code = models.TextField(blank=True)
    detail = models.TextField(blank=True)
    steps = models.JSONField(default=list)
    signed_by = models.TextField(blank=True)
    name_id_sealed = models.BinaryField(null=True)
    attributes_sealed = models.BinaryField(null=True)
    ip = models.TextField(blank=True)
    user_agent = models.TextField(blank=True)
    started_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "connection", "request_id"], name="attempt_request_once"
            ),
        )
        indexes = (
            models.Index(fields=["organization", "-started_at", "-id"], name="attempt_by_time"),
            models.Index(
                fields=["organization", "outcome", "-started_at", "-id"],
                condition=Q(outcome__in=["succeeded", "failed", "incomplete"]),
                name="attempt_by_outcome",
            ),
            models.Index(
                fields=["organization", "member", "id"],
                condition=Q(member__isnull=False),
                name="attempt_of_member",
            ),
            models.Index(
                fields=["organization", "user_name"],
                condition=Q(member__isnull=True) & ~Q(user_name=""),
                name="attempt_of_nobody",
            ),
            models.Index(
                fields=["organization", "connection", "-started_at", "-id"],
                condition=Q(purpose="test"),
                name="attempt_test",
            ),
            models.Index(
                fields=["finished_at"],
                condition=Q(attributes_sealed__isnull=False) | Q(name_id_sealed__isnull=False),
                name="attempt_with_details",
            ),
            models.Index(fields=["expires_at"], condition=Q(outcome="open"), name="attempt_open"),
            models.Index(
                fields=["organization", "session_id"],
                condition=Q(session_id__isnull=False),
                name="attempt_by_session",
            ),
        )


class SpentAssertion(TenantModel):
    """An assertion that was shown once. The unique index is what makes a replay lose, also a simultaneous one."""

    connection = reference("saml.Connection", "spent_assertions")
    digest = models.BinaryField()
    """SHA-256 of issuer and assertion id, or of a logout request's."""
    expires_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "connection", "digest"], name="assertion_spent_once"
            ),
        )
        indexes = (models.Index(fields=["expires_at"], name="assertion_spent_until"),)


class SubjectLink(TenantModel):
    """Who somebody at the identity provider is here: stored at the first sign-in, and used alone from then on."""

    connection = reference("saml.Connection", "subjects")
    member = reference("identity.Member", "saml_subjects")
    name_id_digest = models.BinaryField()
    linked_at = models.DateTimeField()
    name_shared = models.BooleanField(db_default=False)
    """Somebody else was called so already when this was bound, so that their name says nothing against it."""

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "connection", "name_id_digest"], name="subject_once"
            ),
            models.UniqueConstraint(
                fields=["organization", "connection", "member"], name="subject_of_member_once"
            ),
        )
