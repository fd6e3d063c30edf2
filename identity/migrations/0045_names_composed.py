"""Keys of names and addresses are of one width and composed in one way: bring those there that were made before.

Of two that are one now, the older gets the key; the other keeps its former one until it is renamed.
"""

import unicodedata

from django.db import migrations

_CODES = [
    code
    for code in (0x3000, *range(0xFF01, 0xFFEF))
    if unicodedata.decomposition(chr(code)).split()[:1] in (["<wide>"], ["<narrow>"])
]
WIDE = "".join(map(chr, _CODES))
PLAIN = "".join(chr(int(unicodedata.decomposition(chr(code)).split()[1], 16)) for code in _CODES)

# No entry of the record is made of it, as of any migration: the triggers that ask for one stand aside.
COMPOSE = f"""
DO $$
DECLARE
  place record;
  ids uuid[];
  keys text[];
BEGIN
  FOR place IN SELECT * FROM (VALUES
    ('identity_member', 'user_name_key'), ('identity_member', 'email_key'), ('identity_member', 'email_claim'),
    ('identity_group', 'display_name_key'), ('identity_invitation', 'email_key')) AS named (rows, held)
  LOOP
    EXECUTE format(
      'SELECT array_agg(id ORDER BY id), array_agg(normalize(translate(%2$I, $1, $2), NFC) ORDER BY id) FROM %1$I
        WHERE octet_length(%2$I) > length(%2$I)
          AND (%2$I IS NOT NFC NORMALIZED OR translate(%2$I, $1, $2) <> %2$I)', place.rows, place.held)
      INTO ids, keys USING $w${WIDE}$w$, $w${PLAIN}$w$;
    CONTINUE WHEN ids IS NULL;
    EXECUTE format('ALTER TABLE %I DISABLE TRIGGER USER', place.rows);
    FOR number IN 1..cardinality(ids) LOOP
      BEGIN
        EXECUTE format('UPDATE %I SET %I = $1 WHERE id = $2', place.rows, place.held) USING keys[number], ids[number];
      EXCEPTION WHEN unique_violation THEN
        NULL;
      END;
    END LOOP;
    EXECUTE format('ALTER TABLE %I ENABLE TRIGGER USER', place.rows);
  END LOOP;
END $$;
"""  # noqa: S608 - letters of Unicode


class Migration(migrations.Migration):
    dependencies = (("identity", "0044_newcomers_counted"),)

    operations = (migrations.RunSQL(COMPOSE, migrations.RunSQL.noop),)
