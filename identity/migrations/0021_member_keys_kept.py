"""What people are looked up by is taken out of their profiles by PostgreSQL itself, so that no writer can forget it."""

from django.db import migrations

from audit.schema import isolate

# 500: identity.models.member.KEY_CHARACTERS_MAX. SECURITY DEFINER: the application's role may read the keys and not write them.
KEEP = """
CREATE FUNCTION identity_keys_of(profile jsonb) RETURNS TABLE (kind text, key text) LANGUAGE sql IMMUTABLE SET search_path = public AS $$
  SELECT 'displayName', left(lower(profile->>'displayName'), 500) WHERE profile->>'displayName' IS NOT NULL
  UNION
  SELECT 'emails', left(lower(each->>'value'), 500)
    FROM jsonb_array_elements(CASE WHEN jsonb_typeof(profile->'emails') = 'array' THEN profile->'emails' ELSE '[]' END) AS each
   WHERE each->>'value' IS NOT NULL
$$;
CREATE FUNCTION identity_members_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO identity_memberkey (organization_id, kind, key, member_id)
    SELECT added.organization_id, found.kind, found.key, added.id FROM added, LATERAL identity_keys_of(added.profile) AS found;
  RETURN NULL;
END $$;
CREATE FUNCTION identity_member_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  DELETE FROM identity_memberkey known USING identity_keys_of(OLD.profile) AS gone
   WHERE known.organization_id = OLD.organization_id AND known.kind = gone.kind AND known.key = gone.key AND known.member_id = OLD.id;
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO identity_memberkey (organization_id, kind, key, member_id)
      SELECT NEW.organization_id, found.kind, found.key, NEW.id FROM identity_keys_of(NEW.profile) AS found;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER keyed_added AFTER INSERT ON identity_member
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION identity_members_added();
CREATE TRIGGER keyed_changed AFTER UPDATE ON identity_member FOR EACH ROW
  WHEN (OLD.profile IS DISTINCT FROM NEW.profile AND (OLD.profile->'emails' IS DISTINCT FROM NEW.profile->'emails'
        OR OLD.profile->'displayName' IS DISTINCT FROM NEW.profile->'displayName'))
  EXECUTE FUNCTION identity_member_changed();
CREATE TRIGGER keyed_gone AFTER DELETE ON identity_member FOR EACH ROW EXECUTE FUNCTION identity_member_changed();
"""
DROP = """
DROP TRIGGER keyed_added ON identity_member; DROP TRIGGER keyed_changed ON identity_member; DROP TRIGGER keyed_gone ON identity_member;
DROP FUNCTION identity_members_added(), identity_member_changed(), identity_keys_of(jsonb);
"""
# Writers wait until the migration is through: a profile written between the two statements would never be looked up by.
FILL = """
LOCK TABLE identity_member IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO identity_memberkey (organization_id, kind, key, member_id)
SELECT member.organization_id, found.kind, found.key, member.id
  FROM identity_member member, LATERAL identity_keys_of(member.profile) AS found;
"""


class Migration(migrations.Migration):
    dependencies = (("identity", "0020_member_keys"),)
    operations = (
        isolate("identity_memberkey"),
        migrations.RunSQL(KEEP, DROP),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    )
