from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("identity", "0023_statistics"),)
    operations = (migrations.AddField("pull", "references", models.JSONField(null=True)),)
