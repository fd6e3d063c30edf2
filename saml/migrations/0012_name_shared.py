"""Say of each bound identity whether somebody else was called so already."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """False for those that stand: hardly any was bound under the name of somebody else."""

    dependencies = [("saml", "0011_attempts_found")]

    operations = [
        migrations.AddField(
            model_name="subjectlink", name="name_shared", field=models.BooleanField(db_default=False)
        ),
    ]
