"""Sign-in attempts are found by how they ended, whose they are and what is to be forgotten."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """A sign-in that succeeds is in three of them: the others hold tests, and attempts of nobody."""

    dependencies = (("saml", "0010_renewal"),)
    operations = (
        migrations.AddIndex(
            "Attempt",
            models.Index(
                fields=["organization", "outcome", "-started_at", "-id"],
                condition=Q(outcome__in=["succeeded", "failed", "incomplete"]),
                name="attempt_by_outcome",
            ),
        ),
        migrations.AddIndex(
            "Attempt",
            models.Index(
                fields=["organization", "member", "id"],
                condition=Q(member__isnull=False),
                name="attempt_of_member",
            ),
        ),
        migrations.AddIndex(
            "Attempt",
            models.Index(
                fields=["organization", "user_name"],
                condition=Q(member__isnull=True) & ~Q(user_name=""),
                name="attempt_of_nobody",
            ),
        ),
        migrations.AddIndex(
            "Attempt",
            models.Index(
                fields=["organization", "connection", "-started_at", "-id"],
                condition=Q(purpose="test"),
                name="attempt_test",
            ),
        ),
        migrations.AddIndex(
            "Attempt",
            models.Index(
                fields=["finished_at"],
                condition=Q(attributes_sealed__isnull=False) | Q(name_id_sealed__isnull=False),
                name="attempt_with_details",
            ),
        ),
    )
