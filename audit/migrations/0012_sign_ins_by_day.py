"""How many signed in on each day of a stretch is counted when it is measured: the overview's chart went through every entry of its days.

Stretches that were measured before are not counted. Their entries are, as they were, until they are older than what anybody asks for.
"""

from django.db import migrations, models

_MEASURE = """
CREATE OR REPLACE FUNCTION audit_measure(organization uuid, size integer, most integer) RETURNS integer
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
    {insert}
      ON CONFLICT DO NOTHING;
    reached := reached + size;
    measured := measured + 1;
  END LOOP;
  RETURN measured;
END $$;
"""
COUNTING = _MEASURE.format(
    insert="""WITH entries AS MATERIALIZED (
      SELECT entry.happened_at, entry.event
        FROM audit_position position JOIN audit_entry entry ON entry.id = position.entry_id
       WHERE position.organization_id = organization AND position.seq > reached AND position.seq <= reached + size
    ), days AS (
      SELECT (happened_at AT TIME ZONE 'UTC')::date AS day, count(*) FILTER (WHERE event = 'sign_in.succeed') AS succeeded,
             count(*) FILTER (WHERE event = 'sign_in.refuse') AS refused
        FROM entries WHERE event IN ('sign_in.succeed', 'sign_in.refuse') GROUP BY day
    )
    INSERT INTO audit_span (organization_id, first, last, since, until, sign_ins)
      SELECT organization, reached + 1, reached + size, min(happened_at), max(happened_at),
             COALESCE((SELECT jsonb_object_agg(day, jsonb_build_array(succeeded, refused)) FROM days), '{}')
        FROM entries"""
)
BEFORE = _MEASURE.format(
    insert="""INSERT INTO audit_span (organization_id, first, last, since, until)
      SELECT organization, reached + 1, reached + size, min(entry.happened_at), max(entry.happened_at)
        FROM audit_position position JOIN audit_entry entry ON entry.id = position.entry_id
       WHERE position.organization_id = organization AND position.seq > reached AND position.seq <= reached + size"""
)


class Migration(migrations.Migration):
    dependencies = (("audit", "0011_in_order_of_their_ends"),)
    operations = (
        migrations.AddField("Span", "sign_ins", models.JSONField(null=True)),
        migrations.RunSQL(COUNTING, BEFORE),
    )
