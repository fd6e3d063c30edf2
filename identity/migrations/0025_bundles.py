import django.db.models.deletion
from django.db import migrations, models

import audit.ids
from audit.schema import tenant_table


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0024_pull_references"),
    ]

    operations = [
        migrations.CreateModel(
            name="Bundle",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("writing", "Writing"),
                            ("ready", "Ready"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                            ("discarded", "Discarded"),
                            ("elsewhere", "Elsewhere"),
                        ],
                        default="writing",
                    ),
                ),
                ("asked_by", models.JSONField()),
                ("asked_at", models.DateTimeField()),
                ("begun_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("lease", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("attempts", models.IntegerField(default=0)),
                ("file", models.TextField(blank=True)),
                ("rows", models.BigIntegerField(default=0)),
                ("rows_expected", models.BigIntegerField(default=0)),
                ("size", models.BigIntegerField(default=0)),
                ("sha256", models.TextField(blank=True)),
                ("record_seq", models.BigIntegerField(default=0)),
                ("record_hash", models.TextField(blank=True)),
                ("problem", models.TextField(blank=True)),
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
        ),
        migrations.CreateModel(
            name="BundleChunk",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.IntegerField()),
                ("content", models.BinaryField()),
                (
                    "bundle",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="chunks",
                        to="identity.bundle",
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
        ),
        migrations.AddIndex(
            model_name="bundle",
            index=models.Index(
                condition=models.Q(("state", "writing")), fields=["asked_at"], name="bundle_waiting"
            ),
        ),
        migrations.AddIndex(
            model_name="bundle",
            index=models.Index(
                condition=models.Q(("state", "ready")), fields=["expires_at"], name="bundle_expires_at"
            ),
        ),
        migrations.AddConstraint(
            model_name="bundle",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "writing")), fields=("organization",), name="bundle_written_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="bundlechunk",
            constraint=models.UniqueConstraint(
                fields=("organization", "bundle", "number"), name="bundle_chunk_once"
            ),
        ),
        # What a worker writes down on its way is no change of anybody's data.
        *tenant_table(
            "identity_bundle",
            ignore=("begun_at", "lease", "lease_until", "attempts", "file", "rows", "rows_expected"),
        ),
        *tenant_table("identity_bundlechunk", refers={"bundle_id": "identity_bundle"}, audited=False),
        # Sealed pieces cannot be packed any further.
        migrations.RunSQL(
            "ALTER TABLE identity_bundlechunk ALTER COLUMN content SET STORAGE EXTERNAL",
            migrations.RunSQL.noop,
        ),
    ]
