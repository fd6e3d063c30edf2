"""Access reviews: a campaign in which somebody says of each grant and role whether it stays."""

from django.db import models
from django.db.models import Q

from identity.models.tenant import TenantModel, reference


class Review(TenantModel):
    """One campaign. `rule` decides what nobody has decided by `due_at`; `digest` proves the evidence once it is closed."""

    class Rule(models.TextChoices):
        """What becomes of an item that nobody has decided."""

        KEEP = "keep"
        REMOVE = "remove"

    name = models.TextField()
    scope = models.JSONField()
    rule = models.TextField(choices=Rule.choices)
    opened_by = reference("identity.Member", "opened_reviews", null=True)
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    remind_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    digest = models.TextField(blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["due_at"], condition=Q(closed_at__isnull=True), name="review_due_at"),
            models.Index(fields=["remind_at"], condition=Q(closed_at__isnull=True), name="review_remind_at"),
        )

    def __str__(self) -> str:
        return self.name


class ReviewItem(TenantModel):
    """A grant or a role of one member, whose reviewer says keep or remove; `outcome` is what the close made of it."""

    class Decision(models.TextChoices):
        """What the reviewer says; empty until then."""

        KEEP = "keep"
        REMOVE = "remove"

    class Outcome(models.TextChoices):
        """Gone: it had ended before the campaign did. The last administrator stays whatever was decided."""

        KEPT = "kept"
        REMOVED = "removed"
        GONE = "gone"
        LAST_ADMINISTRATOR = "kept_last_administrator"

    review = reference("identity.Review", "items")
    member = reference("identity.Member", "review_items")
    reviewer = reference("identity.Member", "items_to_review")
    grant = reference("identity.Grant", "review_items", null=True)
    assignment = reference("identity.RoleAssignment", "review_items", null=True)
    decision = models.TextField(choices=Decision.choices, blank=True)
    reason = models.TextField(blank=True)
    decided_by = reference("identity.Member", "review_decisions", null=True)
    decided_at = models.DateTimeField(null=True)
    decision_entry = models.UUIDField(null=True)
    outcome = models.TextField(choices=Outcome.choices, blank=True)
    outcome_entry = models.UUIDField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(grant__isnull=False, assignment__isnull=True)
                | Q(grant__isnull=True, assignment__isnull=False),
                name="review_item_of_one_thing",
            ),
        )
        indexes = (
            models.Index(fields=["organization", "review", "reviewer"], name="review_item_by_reviewer"),
            models.Index(
                fields=["organization", "reviewer"],
                condition=Q(decision="", outcome=""),
                name="review_item_open",
            ),
        )
