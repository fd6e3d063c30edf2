"""Let a run have its own tables counted as well (identity's 0023_statistics): plans that are kept are made by what was last counted."""

from django.db import migrations

GATHER = """
CREATE FUNCTION tasks_gather_statistics() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  grown regclass[] := ARRAY(
    SELECT oid::regclass FROM pg_class WHERE oid = ANY (ARRAY[
      'tasks_known', 'tasks_stagedperson', 'tasks_stagedmembership', 'identity_step'
    ]::regclass[]) AND pg_relation_size(oid) / current_setting('block_size')::int > 2 * greatest(relpages, 4));
  each regclass;
BEGIN
  IF cardinality(grown) = 0 OR NOT pg_try_advisory_xact_lock(hashtextextended('tasks_gather_statistics', 7)) THEN
    RETURN false;
  END IF;
  FOREACH each IN ARRAY grown LOOP
    EXECUTE format('ANALYZE %s', each);
  END LOOP;
  RETURN true;
END $$;
"""


class Migration(migrations.Migration):
    """A function that counts."""

    dependencies = (("tasks", "0002_pages"), ("identity", "0030_more_statistics"))
    operations = (migrations.RunSQL(GATHER, "DROP FUNCTION tasks_gather_statistics()"),)
