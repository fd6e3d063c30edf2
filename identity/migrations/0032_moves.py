"""People and groups that are moved from one directory to another; the index holds those alone, so it is empty until somebody is."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = (("identity", "0031_no_index_of_profiles"),)
    operations = (
        migrations.AddField("link", "moved_at", models.DateTimeField(null=True)),
        migrations.AddField("group", "moved_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "link",
            models.Index(
                fields=["organization", "directory", "external_id"],
                condition=Q(moved_at__isnull=False),
                name="link_moved",
            ),
        ),
    )
