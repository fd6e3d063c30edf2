"""Let whoever brings in many people have PostgreSQL count its tables, since plans that are kept are made by what it last counted."""

from django.db import migrations

# SECURITY DEFINER: only the owner may ANALYZE. Twice the pages of the last count: as often as a table doubles, and no oftener. Whoever
# finds somebody else at it goes on, for their count is as good.
GATHER = """
CREATE FUNCTION identity_gather_statistics() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
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
    """A function that counts."""

    dependencies = [("identity", "0022_membership_connection")]

    operations = [migrations.RunSQL(GATHER, "DROP FUNCTION identity_gather_statistics()")]
