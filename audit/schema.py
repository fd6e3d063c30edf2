"""Migration operations by which PostgreSQL itself holds what the code promises.

Each takes table names as the database knows them and can be undone. They are used by every app above.
"""

from django.db import migrations

ORGANIZATION_SETTING = "rollcall.organization"
EVERYWHERE_SETTING = "rollcall.everywhere"


def isolate(table: str, column: str = "organization_id") -> migrations.RunSQL:
    """Row-level security: without `identity.tenancy` set, no row of `table` is visible or writable to the application's role."""
    visible = (
        f"{column} = NULLIF(current_setting('{ORGANIZATION_SETTING}', true), '')::uuid"
        f" OR current_setting('{EVERYWHERE_SETTING}', true) = 'on'"
    )
    return migrations.RunSQL(
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
        f"CREATE POLICY tenant ON {table} USING ({visible}) WITH CHECK ({visible});",
        f"DROP POLICY tenant ON {table}; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;",
    )


def guard(table: str, *, ignore: tuple[str, ...] = (), column: str = "organization_id") -> migrations.RunSQL:
    """Refuse to commit a transaction that changed `table` without an entry of the same organization.

    `ignore` names columns whose change needs no entry (a time of last use).
    """
    arguments = ", ".join(f"'{name}'" for name in (column, *ignore))
    return migrations.RunSQL(
        f"CREATE CONSTRAINT TRIGGER recorded AFTER INSERT OR UPDATE OR DELETE ON {table}"
        f" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_guard({arguments});"
        f"CREATE TRIGGER not_truncated BEFORE TRUNCATE ON {table} EXECUTE FUNCTION audit_refuse();",
        f"DROP TRIGGER recorded ON {table}; DROP TRIGGER not_truncated ON {table};",
    )


def anchor(table: str) -> migrations.RunSQL:
    """Make (organization_id, id) a key of `table`, so that other tables can refer to a row *and* its organization."""
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_tenant UNIQUE (organization_id, id);",
        f"ALTER TABLE {table} DROP CONSTRAINT {table}_tenant;",
    )


def refer(table: str, column: str, target: str) -> migrations.RunSQL:
    """Both ends in the same organization: (organization_id, column) of `table` refers to (organization_id, id) of `target`."""
    name = f"{table}_{column}_tenant"[:63]
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (organization_id, {column})"
        f" REFERENCES {target} (organization_id, id) DEFERRABLE INITIALLY IMMEDIATE;",
        f"ALTER TABLE {table} DROP CONSTRAINT {name};",
    )


def belong(table: str) -> migrations.RunSQL:
    """Each row of `table` belongs to an organization that exists."""
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_organization FOREIGN KEY (organization_id)"
        f" REFERENCES identity_organization (id);",
        f"ALTER TABLE {table} DROP CONSTRAINT {table}_organization;",
    )


def tenant_table(
    table: str, *, refers: dict[str, str] | None = None, ignore: tuple[str, ...] = (), audited: bool = True
) -> list[migrations.RunSQL]:
    """Everything that an ordinary tenant table needs: owner, isolation, key, guard, and references {column: table}."""
    operations = [belong(table), isolate(table), anchor(table)]
    if audited:
        operations.append(guard(table, ignore=ignore))
    operations.extend(refer(table, column, target) for column, target in (refers or {}).items())
    return operations
