"""One index of the queue in place of three: it takes in a row with each entry, and each index was a third of what that cost."""

from django.db import migrations, models

# An entry waits once, since its id is the entry's key and only the trigger writes here.
UNKEYED = "ALTER TABLE audit_unsequenced DROP CONSTRAINT audit_unsequenced_pkey;"
KEYED = "ALTER TABLE audit_unsequenced ADD CONSTRAINT audit_unsequenced_pkey PRIMARY KEY (entry_id);"

# Only where a record has ended need the added ones be compared with those that have.
ENQUEUE = """
CREATE OR REPLACE FUNCTION audit_enqueue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  IF EXISTS (SELECT FROM audit_ending) THEN
    IF EXISTS (SELECT 1 FROM added JOIN audit_ending USING (organization_id)) THEN
      RAISE EXCEPTION 'The record of this organization has ended: it is deleted.' USING ERRCODE = 'restrict_violation';
    END IF;
  END IF;
  INSERT INTO audit_unsequenced (entry_id, organization_id, transaction_id, recorded_at)
    SELECT id, organization_id, pg_current_xact_id(), clock_timestamp() FROM added;
  RETURN NULL;
END $$;
"""
ENQUEUE_BEFORE = """
CREATE OR REPLACE FUNCTION audit_enqueue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM added JOIN audit_ending USING (organization_id)) THEN
    RAISE EXCEPTION 'The record of this organization has ended: it is deleted.' USING ERRCODE = 'restrict_violation';
  END IF;
  INSERT INTO audit_unsequenced (entry_id, organization_id, transaction_id, recorded_at)
    SELECT id, organization_id, pg_current_xact_id(), clock_timestamp() FROM added;
  RETURN NULL;
END $$;
"""

# Which entries go first if there are more than a batch, their transactions say; within a batch they stand by their ids as ever. The head's
# lock keeps others from what is waiting here, so a row stays where it was found.
SEQUENCE = """
CREATE OR REPLACE FUNCTION audit_sequence(organization uuid, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  head bigint;
  numbered integer;
BEGIN
  INSERT INTO audit_head (organization_id, seq) VALUES (organization, 0) ON CONFLICT DO NOTHING;
  -- Waits for another sequencer of this organization; the statement after it sees what that one left.
  SELECT seq INTO head FROM audit_head WHERE organization_id = organization FOR UPDATE;
  WITH taken AS (
    DELETE FROM audit_unsequenced WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM audit_unsequenced WHERE organization_id = organization ORDER BY transaction_id, entry_id LIMIT batch))
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
SEQUENCE_BEFORE = """
CREATE OR REPLACE FUNCTION audit_sequence(organization uuid, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  head bigint;
  numbered integer;
BEGIN
  INSERT INTO audit_head (organization_id, seq) VALUES (organization, 0) ON CONFLICT DO NOTHING;
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


class Migration(migrations.Migration):
    """The guard and the sequencer look along the same index: by organization, transaction and entry."""

    dependencies = (("audit", "0004_guard_by_one_look"),)
    operations = (
        migrations.AddIndex(
            "unsequenced",
            models.Index(
                fields=["organization_id", "transaction_id", "entry_id"], name="unsequenced_in_order"
            ),
        ),
        migrations.RemoveIndex("unsequenced", "unsequenced_organization"),
        migrations.RemoveIndex("unsequenced", "unsequenced_transaction"),
        migrations.RunSQL(UNKEYED, KEYED),
        migrations.RunSQL(ENQUEUE, ENQUEUE_BEFORE),
        migrations.RunSQL(SEQUENCE, SEQUENCE_BEFORE),
    )
