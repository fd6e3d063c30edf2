"""One statement finds a token and whom it speaks for, before any organization is known."""

from django.db import migrations

# SECURITY DEFINER: it looks across organizations, which the application's role may do under rollcall.everywhere alone. A function
# needs no transaction around it to set that, and whoever doesn't know a token's prefix learns nothing from it.
LOOK_UP = """
CREATE FUNCTION identity_token_owner(looked_up text)
RETURNS TABLE (token jsonb, organization jsonb, member jsonb, directory jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT to_jsonb(t), to_jsonb(o), to_jsonb(m), to_jsonb(d)
    FROM identity_token t
    JOIN identity_organization o ON o.id = t.organization_id
    LEFT JOIN identity_member m ON m.organization_id = t.organization_id AND m.id = t.member_id
    LEFT JOIN identity_directory d ON d.organization_id = t.organization_id AND d.id = t.directory_id
   WHERE t.prefix = looked_up
$$;
"""


class Migration(migrations.Migration):
    dependencies = (("identity", "0011_second_factors"),)
    operations = (migrations.RunSQL(LOOK_UP, "DROP FUNCTION identity_token_owner(text);"),)
