"""Give each connection a say in whether our logout requests hide whom they name."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One switch, off for those that stand."""

    dependencies = [("saml", "0008_metadata_fetch")]

    operations = [
        migrations.AddField(
            model_name="connection",
            name="encrypt_name_id",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
