"""Deletions whose day has come, rows in every table, and what is left of them."""

from collections.abc import Iterator

import pytest
from psycopg import sql

from audit import chain, sequencer
from audit.record import Actor
from identity import deletions, organizations, tenancy
from identity.models import Deletion
from tasks.jobs import deletions as job
from tests.bundles.conftest import lived  # noqa: F401 - a fixture: acme with something of almost everything
from tests.conftest import SETUP
from tests.waiting import eventually

OPAL = Actor("operator", "0197-opal", "opal@rollcall.example")
# Where a row of nothing would break a rule of its own table.
NEEDED = {"identity_token": "member_id", "identity_reviewitem": "grant_id", "identity_link": "tombstoned_at"}
_EMPTY = {
    "uuid": "gen_random_uuid()", "text": "gen_random_uuid()::text", "character varying": "gen_random_uuid()::text", "jsonb": "'{}'",
    "integer": "1", "smallint": "1", "bigint": "1", "boolean": "false", "bytea": "decode(md5(random()::text), 'hex')", "ARRAY": "'{}'",
    "timestamp with time zone": "now()", "xid8": "'1'", "double precision": "1", "numeric": "1", "date": "now()",
}  # fmt: skip
# What stays: the tombstone of the record, and the deletion with its proof.
STAYS = {"audit_ending", "identity_deletion"}
# What only PostgreSQL itself writes, and takes along with the directory.
SIZES = {"identity_directorysize", "identity_stretch", "identity_stretchstep"}


def tenant_tables(eraser) -> list[str]:
    """Name every table with the organization in a column, by PostgreSQL's own word."""
    rows = eraser.execute(
        "SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)"
        " WHERE table_schema = 'public' AND column_name = 'organization_id' AND table_type = 'BASE TABLE' ORDER BY 1"
    )
    return [row[0] for row in rows]


def fill(eraser, organization) -> None:
    """Give every tenant table a row of the organization, whatever its triggers say."""
    with eraser.transaction():
        eraser.execute("SET LOCAL session_replication_role = replica")
        for table in tenant_tables(eraser):
            # A size belongs to a directory that is there: PostgreSQL itself keeps these.
            if table in {*STAYS, *SIZES} or (table.startswith("audit_") and table != "audit_span"):
                continue
            columns = eraser.execute(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s"
                " AND is_generated = 'NEVER' AND (column_name = %s OR (is_nullable = 'NO' AND column_name <> 'organization_id'))",
                [table, NEEDED.get(table, "")],
            ).fetchall()
            names = sql.SQL(", ").join(
                sql.Identifier(name) for name in ["organization_id", *(name for name, _ in columns)]
            )
            values = sql.SQL(", ").join(sql.SQL(_EMPTY[kind]) for _, kind in columns)
            eraser.execute(
                sql.SQL("INSERT INTO {} ({}) VALUES ({}, {}) ON CONFLICT DO NOTHING").format(
                    sql.Identifier(table), names, sql.Literal(organization.pk), values
                )
                if columns
                else sql.SQL("INSERT INTO {} (organization_id) VALUES ({})").format(
                    sql.Identifier(table), sql.Literal(organization.pk)
                )
            )


def counted(eraser, organization) -> dict[str, int]:
    """Count the rows of the organization in each tenant table."""
    return {
        table: eraser.execute(
            sql.SQL("SELECT count(*) FROM {} WHERE organization_id = %s").format(sql.Identifier(table)),
            [organization.pk],
        ).fetchone()[0]
        for table in tenant_tables(eraser)
    }


def place_of(organization) -> chain.Place:
    """Follow the organization's record to its end."""
    sequencer.run_for(organization.pk)
    with tenancy.of(organization):
        return chain.follow(organization.pk, chain.Place(), 1_000_000)


def scheduled(organization, actor=OPAL, **values) -> Deletion:
    """Suspend the organization and have it deleted one day."""
    organizations.suspend(organization, actor=SETUP)
    return deletions.schedule(organization, confirm=organization.name, actor=actor, **values)


def fall_due(eraser, deletion) -> Deletion:
    """Let its day come: behind the back of PostgreSQL, which lets nobody set it."""
    with eraser.transaction():
        eraser.execute("SET LOCAL session_replication_role = replica")
        eraser.execute(
            "UPDATE identity_deletion SET delete_after = now() - interval '1 second' WHERE id = %s",
            [deletion.pk],
        )
    return fresh(deletion)


def fresh(deletion) -> Deletion:
    with tenancy.everywhere("test"):
        return Deletion.objects.get(pk=deletion.pk)


def carried_out(deletion) -> Deletion:
    """Let the job run until the deletion is done: another test's transaction may have to end first."""

    def done() -> bool:
        job.carry_out()
        return fresh(deletion).state == "done"

    assert eventually(done), fresh(deletion)
    return fresh(deletion)


@pytest.fixture
def due(acme, operators, eraser) -> Iterator[Deletion]:
    """Give a deletion of acme that is due."""
    return fall_due(eraser, scheduled(acme))
