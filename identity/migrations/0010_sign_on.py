from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("identity", "0009_kept_answers"),)
    operations = (
        migrations.AddField(
            "organization",
            "sign_on",
            models.TextField(
                choices=[("also_password", "Also Password"), ("single_sign_on", "Single Sign On")],
                default="also_password",
                db_default="also_password",
            ),
        ),
        migrations.AddField("organization", "break_glass_id", models.UUIDField(null=True)),
        migrations.AddField("organization", "sso_identifier", models.TextField(null=True)),
        migrations.AddField("organization", "start_here", models.BooleanField(default=True, db_default=True)),
        migrations.AddConstraint(
            "organization",
            models.UniqueConstraint(fields=["sso_identifier"], name="organization_sso_identifier"),
        ),
        migrations.RunSQL(
            "ALTER TABLE identity_organization ADD CONSTRAINT organization_break_glass"
            " FOREIGN KEY (id, break_glass_id) REFERENCES identity_member (organization_id, id);",
            "ALTER TABLE identity_organization DROP CONSTRAINT organization_break_glass;",
        ),
    )
