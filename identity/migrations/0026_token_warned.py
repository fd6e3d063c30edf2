from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("identity", "0025_bundles"),)
    operations = (migrations.AddField("token", "warned_days", models.PositiveSmallIntegerField(null=True)),)
