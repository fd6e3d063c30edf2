"""Sessions whose time has passed are found by their end, and not by looking through all that ever were."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = (("identity", "0039_inactive_by_name"),)
    operations = (
        migrations.AddIndex(
            "Session",
            models.Index(
                fields=["organization", "expires_at"],
                condition=Q(ended_at__isnull=True),
                name="session_expires_at",
            ),
        ),
    )
