from django.db import migrations, models

import audit.ids
from audit.schema import isolate

# The way of a deletion, whoever writes: a day at least from its being scheduled to its beginning, a suspended organization, and the end of
# the record only once the organization is gone. SECURITY DEFINER: nobody but this function says that a record has ended.
WAY = """
CREATE FUNCTION identity_deletion_way() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  deletable boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'A deletion is kept for good.' USING ERRCODE = 'restrict_violation';
  END IF;
  deletable := EXISTS (
    SELECT 1 FROM identity_organization WHERE id = NEW.organization_id AND state = 'suspended' AND NOT is_operating);
  IF TG_OP = 'INSERT' THEN
    -- An hour is left for clocks that differ.
    IF NEW.state = 'scheduled' AND deletable AND NEW.delete_after >= clock_timestamp() + interval '23 hours' THEN
      RETURN NEW;
    END IF;
  ELSIF (OLD.id, OLD.organization_id, OLD.asked_at, OLD.delete_after)
        IS NOT DISTINCT FROM (NEW.id, NEW.organization_id, NEW.asked_at, NEW.delete_after)
        AND OLD.state IN ('scheduled', 'deleting', 'ending') THEN
    IF NEW.state = OLD.state OR (OLD.state = 'scheduled' AND NEW.state IN ('cancelled', 'lapsed')) THEN
      RETURN NEW;
    ELSIF OLD.state = 'scheduled' AND NEW.state = 'deleting' AND deletable AND OLD.delete_after <= clock_timestamp() THEN
      RETURN NEW;
    ELSIF OLD.state = 'deleting' AND NEW.state = 'ending'
          AND NOT EXISTS (SELECT 1 FROM identity_organization WHERE id = OLD.organization_id) THEN
      INSERT INTO audit_ending (organization_id) VALUES (OLD.organization_id);
      RETURN NEW;
    ELSIF OLD.state = 'ending' AND NEW.state = 'done' AND NEW.proof IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM audit_entry WHERE organization_id = OLD.organization_id) THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'Not the way of a deletion: % to %.', CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER way BEFORE INSERT OR UPDATE OR DELETE ON identity_deletion FOR EACH ROW EXECUTE FUNCTION identity_deletion_way();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON identity_deletion EXECUTE FUNCTION audit_refuse();
-- From its beginning on, each batch has its entry, and at the end there is no record left to write in.
CREATE CONSTRAINT TRIGGER recorded AFTER INSERT OR UPDATE ON identity_deletion DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.state IN ('scheduled', 'cancelled', 'lapsed')) EXECUTE FUNCTION audit_guard('organization_id');
"""
# The application's role cannot write sizes: they go with their directory.
SIZES = """
CREATE FUNCTION identity_directory_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  DELETE FROM identity_directorysize WHERE organization_id = OLD.organization_id AND directory_id = OLD.id;
  RETURN OLD;
END $$;
CREATE TRIGGER sized_gone BEFORE DELETE ON identity_directory FOR EACH ROW EXECUTE FUNCTION identity_directory_gone();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0003_ending"),
        ("identity", "0027_run_budget"),
    ]

    operations = [
        migrations.AddField(
            model_name="organization",
            name="delete_after",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="Deletion",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("organization_id", models.UUIDField()),
                ("name", models.TextField()),
                ("slug", models.TextField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("scheduled", "Scheduled"),
                            ("cancelled", "Cancelled"),
                            ("lapsed", "Lapsed"),
                            ("deleting", "Deleting"),
                            ("ending", "Ending"),
                            ("done", "Done"),
                        ],
                        default="scheduled",
                    ),
                ),
                ("asked_by", models.JSONField()),
                ("asked_at", models.DateTimeField()),
                ("delete_after", models.DateTimeField()),
                ("reason", models.TextField(blank=True)),
                ("cancelled_by", models.JSONField(null=True)),
                ("begun_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("rows", models.JSONField(default=dict)),
                ("record_seq", models.BigIntegerField(default=0)),
                ("record_hash", models.TextField(blank=True)),
                ("bundle", models.JSONField(null=True)),
                ("proof", models.JSONField(null=True)),
                ("proof_sha256", models.TextField(blank=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["scheduled", "deleting", "ending"])),
                        fields=["delete_after"],
                        name="deletion_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["scheduled", "deleting", "ending"])),
                        fields=("organization_id",),
                        name="deletion_open_once",
                    )
                ],
            },
        ),
        isolate("identity_deletion"),
        migrations.RunSQL(
            WAY,
            "DROP TRIGGER way ON identity_deletion; DROP TRIGGER not_truncated ON identity_deletion;"
            "DROP TRIGGER recorded ON identity_deletion; DROP FUNCTION identity_deletion_way();",
        ),
        migrations.RunSQL(
            SIZES, "DROP TRIGGER sized_gone ON identity_directory; DROP FUNCTION identity_directory_gone();"
        ),
    ]
