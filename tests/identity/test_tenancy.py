"""Tenants: PostgreSQL shows one organization's rows, or none."""

import uuid

import pytest
from django.apps import apps
from django.db import IntegrityError, ProgrammingError, connection, transaction

from identity import tenancy
from identity.models import Group, Member, Membership
from tests.conftest import SETUP, scim_client

TENANT_TABLES = sorted(
    model._meta.db_table
    for model in apps.get_models()
    if any(field.column == "organization_id" for field in model._meta.local_fields)
    or model._meta.db_table == "identity_organization"
)


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - the names are our models'
        return cursor.fetchone()[0]


def test_the_application_is_neither_owner_nor_superuser_nor_past_row_security(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = session_user")
        assert cursor.fetchone() == (False, False)
        cursor.execute(
            "SELECT count(*) FROM pg_tables WHERE tableowner = session_user AND schemaname = 'public'"
        )
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_every_tenant_table_has_row_security(db, table):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relrowsecurity FROM pg_class WHERE relname = %s", [table])
        assert cursor.fetchone() == (True,)


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_with_no_tenant_set_no_row_is_visible(jane, gus, okta, table):
    assert count(table) == 0
    with transaction.atomic():
        assert count(table) == 0


def test_one_organization_sees_its_own_rows_alone(jane, gus):
    with tenancy.of(jane.organization_id):
        assert set(Member.objects.values_list("user_name", flat=True)) == {"jane@acme.example"}


def test_the_setting_ends_with_the_transaction(jane):
    with tenancy.of(jane.organization_id):
        assert Member.objects.exists()
    assert not Member.objects.exists()


def test_a_nested_look_elsewhere_restores_the_tenant(jane, gus):
    with tenancy.of(jane.organization_id):
        with tenancy.everywhere("test"):
            assert Member.objects.count() == 2
        assert Member.objects.count() == 1
        with pytest.raises(ZeroDivisionError), tenancy.of(gus.organization_id):
            raise ZeroDivisionError
        assert Member.objects.get() == jane


def test_writing_into_another_organization_is_refused(acme, gus):
    with pytest.raises(ProgrammingError, match="row-level security"), tenancy.of(acme):
        Group.objects.create(
            organization_id=gus.organization_id, display_name="x", display_name_key="x", created_at="2026-01-01T00:00Z",
            changed_at="2026-01-01T00:00Z",
        )  # fmt: skip


def test_a_membership_cannot_join_two_organizations(jane, gus, acme):
    directory = scim_client(acme).directory
    from identity import groups

    group = groups.create(acme, display_name="Staff", directory=directory, actor=SETUP)
    with pytest.raises(IntegrityError, match="member_id_tenant"), tenancy.everywhere("test"):
        Membership.objects.create(
            id=uuid.uuid4(), organization=acme, group=group, member=gus, started_at="2026-01-01T00:00Z"
        )
