"""A record can end: when its organization is gone, the owner's function forgets its entries, and none can be added any more."""

import django.db.models.functions.datetime
from django.db import migrations, models

import audit.models
from audit.schema import isolate

# OLD may be looked at in a statement of its own alone: TRUNCATE has none.
REFUSE = """
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_NAME = 'audit_detail' AND TG_OP = 'DELETE' AND current_setting('rollcall.erasing', true) = 'on' THEN
    RETURN OLD;
  END IF;
  IF TG_OP = 'DELETE' AND TG_TABLE_NAME IN ('audit_entry', 'audit_detail', 'audit_position') THEN
    IF EXISTS (SELECT 1 FROM audit_ending WHERE organization_id = OLD.organization_id) THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'The record is append-only: % of % is refused.', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
"""
REFUSE_BEFORE = """
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_NAME = 'audit_detail' AND TG_OP = 'DELETE' AND current_setting('rollcall.erasing', true) = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'The record is append-only: % of % is refused.', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
"""
ENQUEUE = """
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
ENQUEUE_BEFORE = """
CREATE OR REPLACE FUNCTION audit_enqueue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO audit_unsequenced (entry_id, organization_id, transaction_id, recorded_at)
    SELECT id, organization_id, pg_current_xact_id(), clock_timestamp() FROM added;
  RETURN NULL;
END $$;
"""
# Whoever wrote an entry before the end and has not committed yet is waited for: after that the record is what it will ever be.
FORGET = """
CREATE FUNCTION audit_is_quiet(organization uuid) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
  SELECT EXISTS (SELECT 1 FROM audit_ending WHERE organization_id = organization
                    AND pg_snapshot_xmin(pg_current_snapshot()) > transaction_id)
     AND NOT EXISTS (SELECT 1 FROM audit_unsequenced WHERE organization_id = organization)
$$;

CREATE FUNCTION audit_forget(organization uuid, batch integer, OUT entries integer, OUT details integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  chosen uuid[];
BEGIN
  IF NOT audit_is_quiet(organization) THEN
    RAISE EXCEPTION 'The record of organization % has not ended.', organization USING ERRCODE = 'restrict_violation';
  END IF;
  SELECT array_agg(id) INTO chosen FROM (SELECT id FROM audit_entry WHERE organization_id = organization LIMIT batch) AS found;
  DELETE FROM audit_detail WHERE entry_id = ANY (chosen);
  GET DIAGNOSTICS details = ROW_COUNT;
  DELETE FROM audit_position WHERE entry_id = ANY (chosen);
  DELETE FROM audit_entry WHERE id = ANY (chosen);
  GET DIAGNOSTICS entries = ROW_COUNT;
  IF entries = 0 THEN
    DELETE FROM audit_head WHERE organization_id = organization;
  END IF;
END $$;
"""


class Migration(migrations.Migration):
    """The end of a record."""

    dependencies = (("audit", "0002_append_only"),)
    operations = (
        migrations.CreateModel(
            name="Ending",
            fields=[
                ("organization_id", models.UUIDField(primary_key=True, serialize=False)),
                ("ended_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("transaction_id", audit.models.TransactionIdField()),
            ],
        ),
        migrations.RunSQL(
            "ALTER TABLE audit_ending ALTER COLUMN transaction_id SET DEFAULT pg_current_xact_id()",
            migrations.RunSQL.noop,
        ),
        isolate("audit_ending"),
        migrations.RunSQL(REFUSE, REFUSE_BEFORE),
        migrations.RunSQL(ENQUEUE, ENQUEUE_BEFORE),
        migrations.RunSQL(
            FORGET, "DROP FUNCTION audit_forget(uuid, integer); DROP FUNCTION audit_is_quiet(uuid);"
        ),
    )
