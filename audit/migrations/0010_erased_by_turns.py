"""Details about a person are deleted some at a time: of somebody of whom much is told, all at once kept their caller waiting for minutes.

`audit_erase`, which deletes all of them, stays for the release before.
"""

from django.db import migrations

# As `audit_erase` (0007), these are the owner's, and work for the organization of the transaction and for no other.
MINE = """
  IF organization IS DISTINCT FROM NULLIF(current_setting('rollcall.organization', true), '')::uuid THEN
    RAISE EXCEPTION 'The transaction does not work for organization %.', organization USING ERRCODE = 'insufficient_privilege';
  END IF;
"""
NAMING = f"""
CREATE FUNCTION audit_erase_naming(organization uuid, person text, room integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  erased bigint;
BEGIN
  {MINE}
  DELETE FROM audit_detail WHERE organization_id = organization AND entry_id IN (
    SELECT entry_id FROM audit_detail WHERE organization_id = organization AND body -> 'data' ->> 'member' = person LIMIT room);
  GET DIAGNOSTICS erased = ROW_COUNT;
  RETURN erased;
END $$;
"""  # noqa: S608 - built from constants alone
# Entries stay when their detail goes, so that the way through them needs a place: behind `after` of the first subject, and with it where the
# room ended (`subject` and `entry`, null where it did not). What the erasure itself says is no detail of the person.
ABOUT = f"""
CREATE FUNCTION audit_erase_about(organization uuid, subjects text[], after uuid, room integer,
                                  OUT seen integer, OUT erased bigint, OUT subject text, OUT entry uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  found uuid[];
  gone bigint;
BEGIN
  {MINE}
  seen := 0;
  erased := 0;
  FOREACH subject IN ARRAY subjects LOOP
    found := ARRAY(
      SELECT id FROM audit_entry WHERE organization_id = organization AND subject_id = audit_erase_about.subject AND id > after
         AND event NOT IN ('member.erase', 'member.forget') ORDER BY id LIMIT room - seen);
    DELETE FROM audit_detail WHERE organization_id = organization AND entry_id = ANY (found);
    GET DIAGNOSTICS gone = ROW_COUNT;
    seen := seen + cardinality(found);
    erased := erased + gone;
    IF seen >= room THEN
      entry := found[cardinality(found)];
      RETURN;
    END IF;
    after := '00000000-0000-0000-0000-000000000000';
  END LOOP;
  subject := NULL;
END $$;
"""  # noqa: S608 - built from constants alone


class Migration(migrations.Migration):
    dependencies = (("audit", "0009_unmeasured"),)
    operations = (
        migrations.RunSQL(NAMING, "DROP FUNCTION audit_erase_naming(uuid, text, integer)"),
        migrations.RunSQL(ABOUT, "DROP FUNCTION audit_erase_about(uuid, text[], uuid, integer)"),
    )
