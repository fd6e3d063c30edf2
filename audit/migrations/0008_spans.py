"""From when to when each stretch of a long record goes, so that whoever asks for a time is led past the stretches without it.

Entries keep their places and their times, so that what is written here stays true. Only the owner's functions write it.
"""

from django.db import migrations, models

from audit.schema import isolate

# Records that were long before get theirs a few at a time, as entries are added.
MEASURE = """
CREATE FUNCTION audit_measure(organization uuid, size integer, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  head bigint;
  reached bigint;
  measured integer := 0;
BEGIN
  IF EXISTS (SELECT 1 FROM audit_ending WHERE organization_id = organization) THEN
    RETURN 0;
  END IF;
  SELECT seq INTO head FROM audit_head WHERE organization_id = organization;
  SELECT COALESCE(max(last), 0) INTO reached FROM audit_span WHERE organization_id = organization;
  WHILE reached + size <= head AND measured < most LOOP
    INSERT INTO audit_span (organization_id, first, last, since, until)
      SELECT organization, reached + 1, reached + size, min(entry.happened_at), max(entry.happened_at)
        FROM audit_position position JOIN audit_entry entry ON entry.id = position.entry_id
       WHERE position.organization_id = organization AND position.seq > reached AND position.seq <= reached + size
      ON CONFLICT DO NOTHING;
    reached := reached + size;
    measured := measured + 1;
  END LOOP;
  RETURN measured;
END $$;
"""
FORGET = """
CREATE OR REPLACE FUNCTION audit_forget(organization uuid, batch integer, OUT entries integer, OUT details integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  chosen uuid[];
BEGIN
  IF NOT audit_is_quiet(organization) THEN
    RAISE EXCEPTION 'The record of organization % has not ended.', organization USING ERRCODE = 'restrict_violation';
  END IF;
  SELECT array_agg(id) INTO chosen FROM (SELECT id FROM audit_entry WHERE organization_id = organization LIMIT batch) AS found;
  DELETE FROM audit_detail WHERE entry_id = ANY (chosen);
  GET DIAGNOSTICS details = ROW_COUNT;
  DELETE FROM audit_position WHERE entry_id = ANY (chosen);
  DELETE FROM audit_entry WHERE id = ANY (chosen);
  GET DIAGNOSTICS entries = ROW_COUNT;
  IF entries = 0 THEN
    {spans}DELETE FROM audit_head WHERE organization_id = organization;
  END IF;
END $$;
"""
WITH_SPANS = FORGET.replace("{spans}", "DELETE FROM audit_span WHERE organization_id = organization;\n    ")
WITHOUT_SPANS = FORGET.replace("{spans}", "")


class Migration(migrations.Migration):
    dependencies = (("audit", "0007_details_of_a_person"),)
    operations = (
        migrations.CreateModel(
            name="Span",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization_id",
                        "last",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("organization_id", models.UUIDField()),
                ("first", models.BigIntegerField()),
                ("last", models.BigIntegerField()),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
            ],
        ),
        isolate("audit_span"),
        migrations.RunSQL(MEASURE, "DROP FUNCTION audit_measure(uuid, integer, integer)"),
        migrations.RunSQL(WITH_SPANS, WITHOUT_SPANS),
    )
