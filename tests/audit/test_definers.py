"""Functions that run with the owner's rights look at no table that the application's role has put in the way (CVE-2007-2138)."""

import pytest
from django.db import IntegrityError, connection, transaction

from audit.ids import uuid7
from identity import tenancy
from identity.models import Member
from tests.conftest import join

DEFINERS = """
SELECT p.oid::regprocedure::text, (SELECT substr(each, 13) FROM unnest(p.proconfig) AS each WHERE each LIKE 'search_path=%')
  FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace"""


def test_each_looks_among_temporary_tables_last(shared_db):
    with connection.cursor() as cursor:
        cursor.execute(DEFINERS)
        found = dict(cursor.fetchall())
    assert "audit_guard()" in found
    assert set(found.values()) == {"public, pg_temp"}


def test_a_change_is_not_passed_off_as_recorded(acme):
    """Without this a temporary table of the record's name is where the guard looks for the entry."""
    jane = join(acme, "jane@acme.example")
    with pytest.raises(IntegrityError, match="Unrecorded"), transaction.atomic(), tenancy.of(acme):
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TEMP TABLE audit_unsequenced (LIKE public.audit_unsequenced) ON COMMIT DROP"
            )
            cursor.execute("GRANT SELECT ON pg_temp.audit_unsequenced TO PUBLIC")
            cursor.execute(
                "INSERT INTO pg_temp.audit_unsequenced (entry_id, organization_id, transaction_id, recorded_at)"
                " VALUES (%s, %s, pg_current_xact_id(), now())",
                [uuid7(), acme.pk],
            )
        Member.objects.filter(pk=jane.pk).update(display_name="Nobody")


def test_nothing_of_the_applications_runs_as_the_owner(acme):
    """Without this a trigger on a temporary table does, called by the owner's functions: it could alter the record."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE identity_memberkey (LIKE public.identity_memberkey) ON COMMIT DROP")
        cursor.execute("CREATE TEMP TABLE ran_as (name text) ON COMMIT DROP")
        cursor.execute("GRANT ALL ON pg_temp.identity_memberkey, pg_temp.ran_as TO PUBLIC")
        cursor.execute(
            "CREATE FUNCTION pg_temp.tell() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO pg_temp.ran_as VALUES (current_user); RETURN NEW; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER tell BEFORE INSERT ON pg_temp.identity_memberkey FOR EACH ROW EXECUTE FUNCTION pg_temp.tell()"
        )
        join(acme, "bob@acme.example", displayName="Bob")
        cursor.execute("SELECT name FROM pg_temp.ran_as")
        assert cursor.fetchall() == []
        transaction.set_rollback(True)
