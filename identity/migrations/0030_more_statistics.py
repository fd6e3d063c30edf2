"""Count groups and first access too, and of all the tables only those that have grown: a thousand groups met the same kept plans as people."""

from django.db import migrations

# SECURITY DEFINER: only the owner may ANALYZE. Twice the pages of the last count: as often as a table doubles, and no oftener. Whoever
# finds somebody else at it goes on, for their count is as good.
GATHER = """
CREATE OR REPLACE FUNCTION identity_gather_statistics() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  grown regclass[] := ARRAY(
    SELECT oid::regclass FROM pg_class WHERE oid = ANY (ARRAY[
      'identity_member', 'identity_link', 'identity_group', 'identity_membership', 'identity_activeperiod', 'identity_firstaccess'
    ]::regclass[]) AND pg_relation_size(oid) / current_setting('block_size')::int > 2 * greatest(relpages, 4));
  each regclass;
BEGIN
  IF cardinality(grown) = 0 OR NOT pg_try_advisory_xact_lock(hashtextextended('identity_gather_statistics', 7)) THEN
    RETURN false;
  END IF;
  FOREACH each IN ARRAY grown LOOP
    EXECUTE format('ANALYZE %s', each);
  END LOOP;
  RETURN true;
END $$;
"""
BEFORE = """
CREATE OR REPLACE FUNCTION identity_gather_statistics() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  PERFORM 1 FROM pg_class WHERE oid IN ('identity_member'::regclass, 'identity_link'::regclass, 'identity_membership'::regclass)
      AND pg_relation_size(oid) / current_setting('block_size')::int > 2 * greatest(relpages, 4);
  IF NOT FOUND OR NOT pg_try_advisory_xact_lock(hashtextextended('identity_gather_statistics', 7)) THEN
    RETURN false;
  END IF;
  ANALYZE identity_member, identity_link, identity_membership, identity_activeperiod, identity_firstaccess;
  RETURN true;
END $$;
"""


class Migration(migrations.Migration):
    """A function that counts more, and less of it at once."""

    dependencies = (("identity", "0029_steps_to_do"),)
    operations = (migrations.RunSQL(GATHER, BEFORE),)
