"""The log of requests is led by whom a request is about, and by its id where it may have changed something."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("scim", "0007_groups_through_groups"),)
    operations = (
        migrations.AddIndex(
            model_name="loggedrequest",
            index=models.Index(
                condition=models.Q(("resource_id__isnull", False)),
                fields=["organization", "resource_id", "id"],
                name="logged_request_about",
            ),
        ),
        migrations.AddIndex(
            model_name="loggedrequest",
            index=models.Index(
                condition=models.Q(("method", "GET"), _negated=True),
                fields=["organization", "request_id"],
                name="logged_request_change",
            ),
        ),
    )
