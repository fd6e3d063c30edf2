"""Many people who go or come back by one statement are counted with it once, and not one by one: each count made the next one slower."""

from django.db import migrations

# A row of sizes that is changed leaves a version behind, past which the next change of the same transaction has to walk: of 5,000
# suspensions in one transaction each of the last took four times as long as each of the first. Differences are summed over the rows as they
# were and as they are, and not joined: PostgreSQL keeps the plan of the first statement, which may have changed one row, for all of a
# session. OFFSET 0 has each person looked up by their key, however many it believes they are.
BY_STATEMENT = """
CREATE FUNCTION identity_states_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  PERFORM identity_resize(link.organization_id, link.directory_id, 0, sum(changed.difference)::bigint) FROM (
    SELECT organization_id, id, sum(active) AS difference FROM (
      SELECT organization_id, id, -(state = 'active')::int AS active FROM earlier
      UNION ALL SELECT organization_id, id, (state = 'active')::int FROM later) AS states
     GROUP BY organization_id, id HAVING sum(active) <> 0) AS changed
    CROSS JOIN LATERAL (
      SELECT organization_id, directory_id FROM identity_link
       WHERE organization_id = changed.organization_id AND member_id = changed.id AND tombstoned_at IS NULL OFFSET 0) AS link
   GROUP BY link.organization_id, link.directory_id;
  RETURN NULL;
END $$;
CREATE FUNCTION identity_links_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  organizations uuid[];
  directories uuid[];
  members uuid[];
  differences bigint[];
BEGIN
  SELECT array_agg(organization_id), array_agg(directory_id), array_agg(member_id), array_agg(difference)
    INTO organizations, directories, members, differences FROM (
      SELECT organization_id, directory_id, member_id, sum(live) AS difference FROM (
        SELECT organization_id, directory_id, member_id, -(tombstoned_at IS NULL)::int AS live FROM earlier
        UNION ALL SELECT organization_id, directory_id, member_id, (tombstoned_at IS NULL)::int FROM later) AS links
       GROUP BY organization_id, directory_id, member_id HAVING sum(live) <> 0) AS changed;
  IF members IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM FROM identity_member WHERE id = ANY (members) ORDER BY id FOR SHARE;
  INSERT INTO identity_stretchstep (id, organization_id, directory_id, member_id, difference)
    SELECT gen_random_uuid(), changed.* FROM unnest(organizations, directories, members, differences) AS changed;
  PERFORM identity_resize(
      organization_id, directory_id, sum(difference)::bigint, sum(difference * (known.state = 'active')::int)::bigint)
    FROM unnest(organizations, directories, members, differences) AS changed (organization_id, directory_id, member_id, difference)
    CROSS JOIN LATERAL (SELECT state FROM identity_member WHERE id = changed.member_id LIMIT 1) AS known
   GROUP BY organization_id, directory_id;
  RETURN NULL;
END $$;
"""
# Row by row is cheaper for one: of each row exactly one of both triggers counts it, whatever the statement has announced.
TRIGGERS = """
DROP TRIGGER sized_state ON identity_member;
DROP TRIGGER sized_changed ON identity_link;
CREATE TRIGGER sized_state AFTER UPDATE ON identity_member FOR EACH ROW
  WHEN ((OLD.state = 'active') <> (NEW.state = 'active') AND current_setting('rollcall.many', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION identity_state_changed();
CREATE TRIGGER sized_states AFTER UPDATE ON identity_member REFERENCING OLD TABLE AS earlier NEW TABLE AS later
  FOR EACH STATEMENT WHEN (current_setting('rollcall.many', true) = 'on') EXECUTE FUNCTION identity_states_changed();
CREATE TRIGGER sized_changed AFTER UPDATE ON identity_link FOR EACH ROW
  WHEN ((OLD.directory_id <> NEW.directory_id OR (OLD.tombstoned_at IS NULL) <> (NEW.tombstoned_at IS NULL))
    AND current_setting('rollcall.many', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION identity_link_changed();
CREATE TRIGGER sized_many_changed AFTER UPDATE ON identity_link REFERENCING OLD TABLE AS earlier NEW TABLE AS later
  FOR EACH STATEMENT WHEN (current_setting('rollcall.many', true) = 'on') EXECUTE FUNCTION identity_links_changed();
"""
BEFORE = """
DROP TRIGGER sized_state ON identity_member;
DROP TRIGGER sized_states ON identity_member;
DROP TRIGGER sized_changed ON identity_link;
DROP TRIGGER sized_many_changed ON identity_link;
DROP FUNCTION identity_states_changed(), identity_links_changed();
CREATE TRIGGER sized_state AFTER UPDATE ON identity_member FOR EACH ROW
  WHEN ((OLD.state = 'active') <> (NEW.state = 'active')) EXECUTE FUNCTION identity_state_changed();
CREATE TRIGGER sized_changed AFTER UPDATE ON identity_link FOR EACH ROW
  WHEN (OLD.directory_id <> NEW.directory_id OR (OLD.tombstoned_at IS NULL) <> (NEW.tombstoned_at IS NULL))
  EXECUTE FUNCTION identity_link_changed();
"""


class Migration(migrations.Migration):
    """Transactions that have announced many (identity.links.count_many) have them counted so."""

    dependencies = (("identity", "0037_claims_alone"),)
    operations = (migrations.RunSQL(BY_STATEMENT + TRIGGERS, BEFORE),)
