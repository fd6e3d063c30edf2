from django.db import migrations, models

from audit.schema import guard


class Migration(migrations.Migration):
    dependencies = (("saml", "0002_tenancy_guard"),)
    operations = (
        migrations.AddField("idpcertificate", "missing_since", models.DateTimeField(null=True)),
        migrations.RunSQL(
            "DROP TRIGGER recorded ON saml_idpcertificate; DROP TRIGGER not_truncated ON saml_idpcertificate;",
            guard("saml_idpcertificate").sql,
        ),
        # That a certificate was not in a document changes no trust; the entry comes with its removal.
        guard("saml_idpcertificate", ignore=("missing_since",)),
    )
