"""What an erasure that is more than one transaction's work has still to forget."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import audit.ids
from audit.schema import tenant_table


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0042_stretches_bounded"),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("names_sealed", models.BinaryField()),
                ("erased_at", models.DateTimeField()),
                ("stage", models.TextField(blank=True)),
                ("thing", models.UUIDField()),
                ("entry", models.UUIDField()),
                ("details", models.BigIntegerField(default=0)),
                (
                    "member",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="erasures",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "member"), name="erasure_of_member_once")
                ],
            },
        ),
        # No rows of the domain: each turn has its entry, as what it empties needs one.
        *tenant_table("identity_erasure", refers={"member_id": "identity_member"}, audited=False),
    ]
