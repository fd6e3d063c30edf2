from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("identity", "0021_member_keys_kept"),)
    operations = (migrations.AddField("membership", "connection_id", models.UUIDField(null=True)),)
