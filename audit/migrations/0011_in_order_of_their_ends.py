"""Entries of one batch stand in the order in which their transactions ended, and not in that of the clocks which named them."""

from django.db import migrations

_SEQUENCE = """
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
    RETURNING {taken}
  ), placed AS (
    INSERT INTO audit_position (organization_id, seq, entry_id)
      SELECT organization, head + row_number() OVER (ORDER BY {order}), entry_id FROM {source}
    RETURNING 1
  )
  SELECT count(*) INTO numbered FROM placed;
  UPDATE audit_head SET seq = head + numbered WHERE organization_id = organization AND numbered > 0;
  RETURN numbered;
END $$;
"""
# A transaction that needs what another one holds records after that one has ended: the last thing that each recorded, by PostgreSQL's own
# clock, tells which came first. Ids are of the clocks of web and worker machines.
AS_ENDED = _SEQUENCE.format(
    taken="entry_id, transaction_id, recorded_at",
    order="ended, transaction_id, entry_id",
    source="(SELECT *, max(recorded_at) OVER (PARTITION BY transaction_id) AS ended FROM taken) AS timed",
)
BY_ID = _SEQUENCE.format(taken="entry_id", order="entry_id", source="taken")


class Migration(migrations.Migration):
    """The function is replaced; no row changes."""

    dependencies = (("audit", "0010_erased_by_turns"),)
    operations = (migrations.RunSQL(AS_ENDED, BY_ID),)
