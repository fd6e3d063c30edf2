"""Count the tables again when an organization has come, or has doubled: autovacuum waits until a tenth of a table is new."""

from django.db import migrations

# SECURITY DEFINER: only the owner may ANALYZE. Whoever arrives writes at least an entry, so the length of its record tells of an organization
# that grew, in whatever tables; those are counted in which much has been written since the last time. Where none has, somebody was killed over
# it (PostgreSQL takes a table for counted before the transaction ends): then it is all large ones. As often as an organization doubles, and no
# oftener. The locks are those of the other two that count: one at a time.
COUNT = """
CREATE FUNCTION identity_count_newcomers(fewest bigint) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  grown uuid[];
  places bigint[];
  written regclass[];
  large regclass[];
  each regclass;
BEGIN
  SELECT array_agg(organization_id), array_agg(seq) INTO grown, places FROM audit_head WHERE seq >= greatest(fewest, 2 * counted);
  IF grown IS NULL OR NOT pg_try_advisory_xact_lock(hashtextextended('identity_gather_statistics', 7))
     OR NOT pg_try_advisory_xact_lock(hashtextextended('tasks_gather_statistics', 7)) THEN
    RETURN 0;
  END IF;
  SELECT array_agg(relid::regclass ORDER BY relid) FILTER (WHERE n_mod_since_analyze >= fewest / 2),
         array_agg(relid::regclass ORDER BY relid) FILTER (WHERE n_live_tup >= fewest)
    INTO written, large FROM pg_stat_user_tables
   WHERE schemaname = 'public'
     AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = relid AND attname = 'organization_id' AND NOT attisdropped);
  FOREACH each IN ARRAY COALESCE(written, large, '{}') LOOP
    EXECUTE format('ANALYZE %s', each);
  END LOOP;
  UPDATE audit_head head SET counted = told.seq FROM unnest(grown, places) AS told (organization_id, seq)
   WHERE head.organization_id = told.organization_id;
  RETURN cardinality(grown);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = (("identity", "0043_erasures"), ("audit", "0013_counted"))
    operations = (migrations.RunSQL(COUNT, "DROP FUNCTION identity_count_newcomers(bigint)"),)
