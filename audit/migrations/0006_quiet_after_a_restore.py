"""A record that had ended when a dump was made ends in the cluster that it is restored into, whose transactions are counted anew."""

from django.db import migrations

# The id of a transaction that has not begun here, and is not our own, is another cluster's: nobody of its time writes any more.
QUIET = """
CREATE OR REPLACE FUNCTION audit_is_quiet(organization uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
  SELECT EXISTS (SELECT 1 FROM audit_ending WHERE organization_id = organization
                    AND (pg_snapshot_xmin(pg_current_snapshot()) > transaction_id
                         OR (transaction_id >= pg_snapshot_xmax(pg_current_snapshot())
                             AND transaction_id IS DISTINCT FROM pg_current_xact_id_if_assigned())))
     AND NOT EXISTS (SELECT 1 FROM audit_unsequenced WHERE organization_id = organization)
$$;
"""
QUIET_BEFORE = """
CREATE OR REPLACE FUNCTION audit_is_quiet(organization uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
  SELECT EXISTS (SELECT 1 FROM audit_ending WHERE organization_id = organization
                    AND pg_snapshot_xmin(pg_current_snapshot()) > transaction_id)
     AND NOT EXISTS (SELECT 1 FROM audit_unsequenced WHERE organization_id = organization)
$$;
"""


class Migration(migrations.Migration):
    """The function is replaced; no row changes."""

    dependencies = (("audit", "0005_one_index_of_the_queue"),)
    operations = (migrations.RunSQL(QUIET, QUIET_BEFORE),)
