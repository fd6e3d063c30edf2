"""Up to which place of a record PostgreSQL's statistics know its organization: identity's 0044_newcomers_counted asks and tells."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("audit", "0012_sign_ins_by_day"),)
    operations = (migrations.AddField("head", "counted", models.BigIntegerField(db_default=0)),)
