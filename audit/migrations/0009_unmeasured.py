"""Which records have stretches that are full and not measured: what a job looks for, and no longer the sequencer with each run."""

from django.db import migrations

UNMEASURED = """
CREATE FUNCTION audit_unmeasured(size integer) RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT head.organization_id FROM audit_head head
   WHERE head.seq >= size
     AND head.seq >= size + COALESCE((SELECT max(last) FROM audit_span WHERE organization_id = head.organization_id), 0)
     AND NOT EXISTS (SELECT FROM audit_ending ending WHERE ending.organization_id = head.organization_id)
   ORDER BY head.organization_id
$$;
"""


class Migration(migrations.Migration):
    dependencies = (("audit", "0008_spans"),)
    operations = (migrations.RunSQL(UNMEASURED, "DROP FUNCTION audit_unmeasured(integer)"),)
