import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("saml", "0005_metadata_watch"),)
    operations = (
        migrations.AddField(
            "connection",
            "follows",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.TextField(), default=list, db_default=[], size=None
            ),
        ),
    )
