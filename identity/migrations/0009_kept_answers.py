import django.db.models.deletion
from django.db import migrations, models

import audit.ids
from audit.schema import tenant_table


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0008_domain_proofs"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeptAnswer",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("caller", models.TextField()),
                ("key_digest", models.BinaryField()),
                ("request_digest", models.BinaryField()),
                ("status", models.PositiveIntegerField()),
                ("body_sealed", models.BinaryField()),
                ("answered_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="%(class)ss",
                        to="identity.organization",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["answered_at"], name="answer_kept_since")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "caller", "key_digest"), name="answer_kept_once"
                    )
                ],
            },
        ),
        # No rows of the domain: what the call changed has its own entries.
        *tenant_table("identity_keptanswer", audited=False),
    ]
