"""The record's own rules, held by PostgreSQL: append only, an entry for every change, a place for every entry."""

from django.db import migrations

from audit.schema import isolate

REFUSE = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_NAME = 'audit_detail' AND TG_OP = 'DELETE' AND current_setting('rollcall.erasing', true) = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'The record is append-only: % of % is refused.', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
"""

# SECURITY DEFINER: the application's role may not write the queue itself, so a waiting row proves an entry.
ENQUEUE = """
CREATE FUNCTION audit_enqueue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO audit_unsequenced (entry_id, organization_id, transaction_id, recorded_at)
    SELECT id, organization_id, pg_current_xact_id(), clock_timestamp() FROM added;
  RETURN NULL;
END $$;
CREATE TRIGGER enqueue AFTER INSERT ON audit_entry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION audit_enqueue();
"""

# Arguments: the column that holds the organization, then columns whose change needs no entry.
GUARD = """
CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  ignored text[] := TG_ARGV[1:];
  old_organization uuid;
  new_organization uuid;
  missing uuid;
BEGIN
  IF TG_OP = 'UPDATE' AND cardinality(ignored) > 0 AND to_jsonb(OLD) - ignored = to_jsonb(NEW) - ignored THEN
    RETURN NULL;
  END IF;
  IF TG_ARGV[0] = 'id' THEN
    IF TG_OP <> 'INSERT' THEN old_organization := OLD.id; END IF;
    IF TG_OP <> 'DELETE' THEN new_organization := NEW.id; END IF;
  ELSE
    IF TG_OP <> 'INSERT' THEN old_organization := OLD.organization_id; END IF;
    IF TG_OP <> 'DELETE' THEN new_organization := NEW.organization_id; END IF;
  END IF;
  SELECT organization INTO missing FROM unnest(ARRAY[old_organization, new_organization]) AS organization
    WHERE organization IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM audit_unsequenced waiting
      WHERE waiting.transaction_id = pg_current_xact_id() AND waiting.organization_id = organization)
    LIMIT 1;
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'Unrecorded % of %: no entry of organization % in this transaction.', TG_OP, TG_TABLE_NAME, missing
      USING ERRCODE = 'restrict_violation', HINT = 'Change domain rows through a verb, which calls audit.record.';
  END IF;
  RETURN NULL;
END $$;
"""

SEQUENCE = """
CREATE FUNCTION audit_waiting() RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
  SELECT DISTINCT organization_id FROM audit_unsequenced ORDER BY organization_id
$$;

CREATE FUNCTION audit_lag_seconds() RETURNS double precision LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
  SELECT COALESCE(EXTRACT(epoch FROM clock_timestamp() - min(recorded_at)), 0) FROM audit_unsequenced
$$;

CREATE FUNCTION audit_sequence(organization uuid, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  head bigint;
  numbered integer;
BEGIN
  INSERT INTO audit_head (organization_id, seq) VALUES (organization, 0) ON CONFLICT DO NOTHING;
  -- Waits for another sequencer of this organization; the statement after it sees what that one left.
  SELECT seq INTO head FROM audit_head WHERE organization_id = organization FOR UPDATE;
  WITH taken AS (
    DELETE FROM audit_unsequenced WHERE entry_id IN (
      SELECT entry_id FROM audit_unsequenced WHERE organization_id = organization ORDER BY entry_id LIMIT batch)
    RETURNING entry_id
  ), placed AS (
    INSERT INTO audit_position (organization_id, seq, entry_id)
      SELECT organization, head + row_number() OVER (ORDER BY entry_id), entry_id FROM taken
    RETURNING 1
  )
  SELECT count(*) INTO numbered FROM placed;
  UPDATE audit_head SET seq = head + numbered WHERE organization_id = organization AND numbered > 0;
  RETURN numbered;
END $$;
"""


def refuse_changes(table: str, *operations: str) -> migrations.RunSQL:
    """Refuse the operations on the table; TRUNCATE, which knows no rows, gets a trigger of its own."""
    return migrations.RunSQL(
        f"CREATE TRIGGER append_only BEFORE {' OR '.join(operations)} ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refuse();"
        f"CREATE TRIGGER not_truncated BEFORE TRUNCATE ON {table} EXECUTE FUNCTION audit_refuse();",
        f"DROP TRIGGER append_only ON {table}; DROP TRIGGER not_truncated ON {table};",
    )


class Migration(migrations.Migration):
    """Functions and triggers of the record."""

    dependencies = (("audit", "0001_initial"),)
    operations = (
        migrations.RunSQL(REFUSE, "DROP FUNCTION audit_refuse();"),
        migrations.RunSQL(ENQUEUE, "DROP TRIGGER enqueue ON audit_entry; DROP FUNCTION audit_enqueue();"),
        migrations.RunSQL(GUARD, "DROP FUNCTION audit_guard();"),
        migrations.RunSQL(
            SEQUENCE, "DROP FUNCTION audit_sequence(uuid, integer), audit_waiting(), audit_lag_seconds();"
        ),
        refuse_changes("audit_entry", "UPDATE", "DELETE"),
        refuse_changes("audit_detail", "UPDATE", "DELETE"),
        refuse_changes("audit_position", "UPDATE", "DELETE"),
        isolate("audit_entry"),
        isolate("audit_detail"),
        isolate("audit_position"),
        isolate("audit_head"),
        isolate("audit_unsequenced"),
    )
