"""Say of each connection since when, and until when, its people may come under another name."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Two times, empty for those that stand."""

    dependencies = [("saml", "0009_encrypt_name_id")]

    operations = [
        migrations.AddField(
            model_name="connection", name="renewal_began_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddField(
            model_name="connection", name="renewal_ends_at", field=models.DateTimeField(null=True)
        ),
    ]
