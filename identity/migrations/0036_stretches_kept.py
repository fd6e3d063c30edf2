"""How many people of a directory are active, and how its list is divided, are kept by PostgreSQL too, so that no statement can forget it."""

from django.db import migrations

from audit.schema import isolate

# As in 0017, and for active people beside. A link counts as active by its member's state: whoever writes a link holds that state still
# until the commit, and whoever changes a state sees every link there is by then. Members who came in the same transaction are nobody
# else's yet. No statement changes a link and its member's state at once: both triggers would see the end of both.
RESIZE = """
DROP FUNCTION identity_resize(uuid, uuid, bigint);
CREATE FUNCTION identity_resize(organization uuid, directory uuid, people_more bigint, active_more bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  UPDATE identity_directorysize SET people = people + people_more, active = active + active_more WHERE id = (
    SELECT id FROM identity_directorysize WHERE organization_id = organization AND directory_id = directory
     LIMIT 1 FOR UPDATE SKIP LOCKED);
  IF NOT FOUND THEN
    INSERT INTO identity_directorysize (id, organization_id, directory_id, people, active)
    VALUES (gen_random_uuid(), organization, directory, people_more, active_more);
  END IF;
END $$;

CREATE OR REPLACE FUNCTION identity_links_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public SET enable_seqscan = off AS $$
DECLARE
  mine xid := pg_current_xact_id()::xid;
BEGIN
  PERFORM FROM identity_member WHERE id = ANY (ARRAY(
    SELECT known.id FROM added CROSS JOIN LATERAL (SELECT id, xmin FROM identity_member WHERE id = added.member_id LIMIT 1) AS known
     WHERE known.xmin <> mine)) ORDER BY id FOR SHARE;
  PERFORM identity_resize(organization_id, directory_id, count(*), count(*) FILTER (WHERE state = 'active'))
    FROM added CROSS JOIN LATERAL (SELECT state FROM identity_member WHERE id = added.member_id LIMIT 1) AS known
   WHERE tombstoned_at IS NULL GROUP BY organization_id, directory_id;
  INSERT INTO identity_stretchstep (id, organization_id, directory_id, member_id, difference)
    SELECT gen_random_uuid(), organization_id, directory_id, member_id, 1 FROM added WHERE tombstoned_at IS NULL;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION identity_links_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  PERFORM FROM identity_member WHERE id = ANY (ARRAY(SELECT member_id FROM gone)) ORDER BY id FOR SHARE;
  PERFORM identity_resize(organization_id, directory_id, -count(*), -count(*) FILTER (WHERE state = 'active'))
    FROM gone CROSS JOIN LATERAL (SELECT state FROM identity_member WHERE id = gone.member_id LIMIT 1) AS known
   WHERE tombstoned_at IS NULL GROUP BY organization_id, directory_id;
  INSERT INTO identity_stretchstep (id, organization_id, directory_id, member_id, difference)
    SELECT gen_random_uuid(), organization_id, directory_id, member_id, -1 FROM gone WHERE tombstoned_at IS NULL;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION identity_link_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  active bigint;
BEGIN
  SELECT (state = 'active')::int INTO active FROM identity_member WHERE id = NEW.member_id FOR SHARE;
  IF OLD.tombstoned_at IS NULL THEN
    PERFORM identity_resize(OLD.organization_id, OLD.directory_id, -1, -active);
    INSERT INTO identity_stretchstep (id, organization_id, directory_id, member_id, difference)
    VALUES (gen_random_uuid(), OLD.organization_id, OLD.directory_id, OLD.member_id, -1);
  END IF;
  IF NEW.tombstoned_at IS NULL THEN
    PERFORM identity_resize(NEW.organization_id, NEW.directory_id, 1, active);
    INSERT INTO identity_stretchstep (id, organization_id, directory_id, member_id, difference)
    VALUES (gen_random_uuid(), NEW.organization_id, NEW.directory_id, NEW.member_id, 1);
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION identity_state_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  PERFORM identity_resize(organization_id, directory_id, 0, CASE NEW.state WHEN 'active' THEN 1 ELSE -1 END) FROM identity_link
    WHERE organization_id = NEW.organization_id AND member_id = NEW.id AND tombstoned_at IS NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER sized_state AFTER UPDATE ON identity_member FOR EACH ROW
  WHEN ((OLD.state = 'active') <> (NEW.state = 'active')) EXECUTE FUNCTION identity_state_changed();
"""
# The steps go and the links are counted by one statement, in one snapshot: each step that it does not see yet is one that its count does
# not hold. A stretch that has grown is divided; 2,000 links are walked in half a millisecond, and a million people are 500 stretches.
STRETCH = """
CREATE FUNCTION identity_count_stretches(organization uuid, directory uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  beginning CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
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
    SELECT first, (
      SELECT first FROM identity_stretch AS other
       WHERE other.organization_id = organization AND other.directory_id = directory AND other.first > touched.first
       ORDER BY first LIMIT 1) AS next FROM touched
  ), placed AS (
    SELECT bounded.first, link.member_id, count(link.member_id) OVER (PARTITION BY bounded.first) AS people,
           row_number() OVER (PARTITION BY bounded.first ORDER BY link.member_id) - 1 AS place
      FROM bounded LEFT JOIN LATERAL (
        SELECT member_id FROM identity_link WHERE organization_id = organization AND directory_id = directory
           AND member_id >= bounded.first AND (bounded.next IS NULL OR member_id < bounded.next) AND tombstoned_at IS NULL
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
CREATE OR REPLACE FUNCTION identity_directory_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  DELETE FROM identity_directorysize WHERE organization_id = OLD.organization_id AND directory_id = OLD.id;
  DELETE FROM identity_stretch WHERE organization_id = OLD.organization_id AND directory_id = OLD.id;
  DELETE FROM identity_stretchstep WHERE organization_id = OLD.organization_id AND directory_id = OLD.id;
  RETURN OLD;
END $$;
"""
# Writers wait until the migration is through: whoever came between count and trigger would never be counted. One directory a statement.
COUNT = """
LOCK TABLE identity_member, identity_link IN SHARE ROW EXCLUSIVE MODE;
DO $$
DECLARE
  each record;
BEGIN
  FOR each IN SELECT DISTINCT organization_id, directory_id FROM identity_directorysize LOOP
    DELETE FROM identity_directorysize WHERE organization_id = each.organization_id AND directory_id = each.directory_id;
    INSERT INTO identity_directorysize (id, organization_id, directory_id, people, active)
      SELECT gen_random_uuid(), each.organization_id, each.directory_id, count(*), count(*) FILTER (WHERE member.state = 'active')
        FROM identity_link AS link JOIN identity_member AS member ON member.id = link.member_id
       WHERE link.organization_id = each.organization_id AND link.directory_id = each.directory_id AND link.tombstoned_at IS NULL;
    INSERT INTO identity_stretchstep (id, organization_id, directory_id, member_id, difference)
    VALUES (gen_random_uuid(), each.organization_id, each.directory_id, gen_random_uuid(), 0);
    PERFORM identity_count_stretches(each.organization_id, each.directory_id);
  END LOOP;
END $$;
"""
BEFORE = """
DROP TRIGGER sized_state ON identity_member;
DROP FUNCTION identity_state_changed(), identity_resize(uuid, uuid, bigint, bigint), identity_count_stretches(uuid, uuid);
CREATE FUNCTION identity_resize(organization uuid, directory uuid, difference bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  UPDATE identity_directorysize SET people = people + difference WHERE id = (
    SELECT id FROM identity_directorysize WHERE organization_id = organization AND directory_id = directory
     LIMIT 1 FOR UPDATE SKIP LOCKED);
  IF NOT FOUND THEN
    INSERT INTO identity_directorysize (id, organization_id, directory_id, people)
    VALUES (gen_random_uuid(), organization, directory, difference);
  END IF;
END $$;
CREATE OR REPLACE FUNCTION identity_links_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  PERFORM identity_resize(organization_id, directory_id, count(*)) FROM added
    WHERE tombstoned_at IS NULL GROUP BY organization_id, directory_id;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION identity_links_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  PERFORM identity_resize(organization_id, directory_id, -count(*)) FROM gone
    WHERE tombstoned_at IS NULL GROUP BY organization_id, directory_id;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION identity_link_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  IF OLD.tombstoned_at IS NULL THEN PERFORM identity_resize(OLD.organization_id, OLD.directory_id, -1); END IF;
  IF NEW.tombstoned_at IS NULL THEN PERFORM identity_resize(NEW.organization_id, NEW.directory_id, 1); END IF;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION identity_directory_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  DELETE FROM identity_directorysize WHERE organization_id = OLD.organization_id AND directory_id = OLD.id;
  RETURN OLD;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = (("identity", "0035_stretches"),)
    operations = (
        isolate("identity_stretch"),
        isolate("identity_stretchstep"),
        migrations.RunSQL(RESIZE + STRETCH, BEFORE),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    )
