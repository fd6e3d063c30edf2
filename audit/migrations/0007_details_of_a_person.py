"""Details that name a member beside their subject (sessions, tokens, sign-ins) are found by an index of their own.

Row-level security lets no query of the application use it, since PostgreSQL does not trust `->>` before a row is known to be the tenant's.
So erasing them is a function of the owner, which works for the organization of the transaction and for no other.
"""

from django.db import migrations

INDEX = """
CREATE INDEX audit_detail_member ON audit_detail (organization_id, (body -> 'data' ->> 'member'))
 WHERE body -> 'data' ->> 'member' IS NOT NULL
"""
ERASE = """
CREATE FUNCTION audit_erase(organization uuid, person text, subjects text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  erased bigint;
BEGIN
  IF organization IS DISTINCT FROM NULLIF(current_setting('rollcall.organization', true), '')::uuid THEN
    RAISE EXCEPTION 'The transaction does not work for organization %.', organization USING ERRCODE = 'insufficient_privilege';
  END IF;
  DELETE FROM audit_detail WHERE organization_id = organization AND entry_id IN (
    SELECT id FROM audit_entry WHERE organization_id = organization AND subject_id = ANY (subjects)
    UNION SELECT entry_id FROM audit_detail WHERE organization_id = organization AND body -> 'data' ->> 'member' = person);
  GET DIAGNOSTICS erased = ROW_COUNT;
  RETURN erased;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = (("audit", "0006_quiet_after_a_restore"),)
    operations = (
        migrations.RunSQL(INDEX, "DROP INDEX audit_detail_member"),
        migrations.RunSQL(ERASE, "DROP FUNCTION audit_erase(uuid, text, text[])"),
    )
