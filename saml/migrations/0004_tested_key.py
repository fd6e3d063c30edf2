from django.db import migrations, models

from audit.schema import guard


class Migration(migrations.Migration):
    dependencies = (("saml", "0003_certificate_missing_since"),)
    operations = (
        migrations.AddField(
            "connection", "tested_key", models.TextField(blank=True, default="", db_default="")
        ),
        migrations.RunSQL(
            "DROP TRIGGER recorded ON saml_connection; DROP TRIGGER not_truncated ON saml_connection;",
            guard("saml_connection", ignore=("tested_at",)).sql,
        ),
        guard("saml_connection", ignore=("tested_at", "tested_key")),
    )
