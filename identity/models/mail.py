"""Mail that waits to be sent. The table is the queue."""

from django.db import models
from django.db.models import Q

from identity.models.tenant import TenantModel


class OutgoingMail(TenantModel):
    """One message to one address. `about` is the id of what it is about, as an invitation; the text holds no secret."""

    class State(models.TextChoices):
        """Kept: development without an SMTP server, where the message is read here."""

        WAITING = "waiting"
        SENT = "sent"
        KEPT = "kept"
        FAILED = "failed"
        CANCELLED = "cancelled"

    kind = models.TextField()
    about = models.UUIDField()
    to = models.TextField()
    subject = models.TextField()
    body = models.TextField()
    state = models.TextField(choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="outgoing_mail_due"),
            models.Index(fields=["organization", "about"], name="outgoing_mail_about"),
            # The lists of an organization's letters, all or of one state, by id.
            models.Index(fields=["organization", "id"], name="outgoing_mail_in_order"),
            models.Index(fields=["organization", "state", "id"], name="outgoing_mail_state"),
        )
