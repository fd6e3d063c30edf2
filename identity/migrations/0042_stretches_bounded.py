"""A stretch of a list is counted from its first person to its last, and not to the end of the list."""

from django.db import migrations

# As in 0036, but for the bound: `next IS NULL OR member_id < next` bounds no index, so each stretch was walked to the end of the directory. Of
# a million people three in a hundred who left by one night cost 250 million links.
BOUNDED = """
CREATE OR REPLACE FUNCTION identity_count_stretches(organization uuid, directory uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  beginning CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
  ending CONSTANT uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
  stretch_people CONSTANT int := 2000;
  done bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended(directory::text, 7)) THEN
    RETURN 0;
  END IF;
  WITH told AS (
    DELETE FROM identity_stretchstep WHERE organization_id = organization AND directory_id = directory RETURNING member_id
  ), touched AS (
    SELECT DISTINCT COALESCE((
      SELECT first FROM identity_stretch WHERE organization_id = organization AND directory_id = directory AND first <= told.member_id
       ORDER BY first DESC LIMIT 1), beginning) AS first FROM told
  ), bounded AS (
    SELECT first, COALESCE((
      SELECT first FROM identity_stretch AS other
       WHERE other.organization_id = organization AND other.directory_id = directory AND other.first > touched.first
       ORDER BY first LIMIT 1), ending) AS next FROM touched
  ), placed AS (
    SELECT bounded.first, link.member_id, count(link.member_id) OVER (PARTITION BY bounded.first) AS people,
           row_number() OVER (PARTITION BY bounded.first ORDER BY link.member_id) - 1 AS place
      FROM bounded LEFT JOIN LATERAL (
        SELECT member_id FROM identity_link WHERE organization_id = organization AND directory_id = directory
           AND member_id >= bounded.first AND member_id < bounded.next AND tombstoned_at IS NULL OFFSET 0
      ) AS link ON TRUE
  ), divided AS (
    INSERT INTO identity_stretch (organization_id, directory_id, first, people)
    SELECT organization, directory, CASE place WHEN 0 THEN first ELSE member_id END, LEAST(stretch_people, people - place)
      FROM placed WHERE place % stretch_people = 0
    ON CONFLICT (organization_id, directory_id, first) DO UPDATE SET people = excluded.people
  )
  SELECT count(*) INTO done FROM told;
  RETURN done;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = (("identity", "0041_letters_in_order"),)
    # The release before does with it as well; there is no way back that is worth its while.
    operations = (migrations.RunSQL(BOUNDED, migrations.RunSQL.noop),)
