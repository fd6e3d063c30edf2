"""How many live links a directory has is kept by PostgreSQL itself, so that no statement can forget it."""

from django.db import migrations

from audit.schema import isolate, refer

# SECURITY DEFINER: the application's role may read the sizes and not write them. SKIP LOCKED: a row that another transaction has added
# to is left alone and another one taken or made, so that nobody waits, nothing can deadlock, and there are as many rows as there
# were ever writers at once.
RESIZE = """
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

CREATE FUNCTION identity_links_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  PERFORM identity_resize(organization_id, directory_id, count(*)) FROM added
    WHERE tombstoned_at IS NULL GROUP BY organization_id, directory_id;
  RETURN NULL;
END $$;
CREATE FUNCTION identity_links_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  PERFORM identity_resize(organization_id, directory_id, -count(*)) FROM gone
    WHERE tombstoned_at IS NULL GROUP BY organization_id, directory_id;
  RETURN NULL;
END $$;
CREATE FUNCTION identity_link_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  IF OLD.tombstoned_at IS NULL THEN PERFORM identity_resize(OLD.organization_id, OLD.directory_id, -1); END IF;
  IF NEW.tombstoned_at IS NULL THEN PERFORM identity_resize(NEW.organization_id, NEW.directory_id, 1); END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER sized_added AFTER INSERT ON identity_link
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION identity_links_added();
CREATE TRIGGER sized_gone AFTER DELETE ON identity_link
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION identity_links_gone();
CREATE TRIGGER sized_changed AFTER UPDATE ON identity_link FOR EACH ROW
  WHEN (OLD.directory_id <> NEW.directory_id OR (OLD.tombstoned_at IS NULL) <> (NEW.tombstoned_at IS NULL))
  EXECUTE FUNCTION identity_link_changed();
"""
DROP = """
DROP TRIGGER sized_added ON identity_link; DROP TRIGGER sized_gone ON identity_link; DROP TRIGGER sized_changed ON identity_link;
DROP FUNCTION identity_links_added(), identity_links_gone(), identity_link_changed(), identity_resize(uuid, uuid, bigint);
"""
# Writers wait until the migration is through: whoever came between count and trigger would never be counted.
COUNT = """
LOCK TABLE identity_link IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO identity_directorysize (id, organization_id, directory_id, people)
SELECT gen_random_uuid(), organization_id, directory_id, count(*) FROM identity_link
 WHERE tombstoned_at IS NULL GROUP BY organization_id, directory_id;
"""


class Migration(migrations.Migration):
    dependencies = (("identity", "0016_directory_sizes"),)
    operations = (
        isolate("identity_directorysize"),
        refer("identity_directorysize", "directory_id", "identity_directory"),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
        migrations.RunSQL(RESIZE, DROP),
    )
