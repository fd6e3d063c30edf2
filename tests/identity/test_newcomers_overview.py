"""Who has what in an organization that PostgreSQL's statistics do not know is read once for a page, and not for each person of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from identity import access_overview, batches, resources, tenancy
from identity.models import Grant, Kind, Resource
from tests.conftest import SETUP, scim_client
from tests.database import counted_by_hand

PEOPLE, OTHERS = 200, 1500
TABLES = ("identity_member", "identity_link", "identity_grant")
GRANTS = """
SET session_replication_role = replica;
INSERT INTO identity_grant (id, organization_id, member_id, resource_id, permission, origin, held, started_at)
SELECT uuidv7(), organization_id, id, '{resource}', 'view', 'admin', true, now()
  FROM identity_member WHERE organization_id = '{organization}';
RESET session_replication_role;
"""


def furnish(organization: Any, number: int, eraser: Any) -> None:
    client = scim_client(organization)
    people = [batches.Arrival(f"p{each}@x.example", {}, f"x{each}") for each in range(number)]
    batches.create(organization, people, actor=SETUP, directory=client.directory)
    with tenancy.of(organization):
        kind = Kind.objects.filter(parent=None).values_list("name", flat=True)[0]
    resources.register(organization, [{"kind": kind, "id": "p1"}], actor=SETUP)
    with tenancy.of(organization):
        resource = Resource.objects.get(key="p1").pk
    eraser.execute(GRANTS.format(resource=resource, organization=organization.pk))


@pytest.fixture
def newcomer(acme, globex, operators, eraser) -> Iterator[Any]:
    with counted_by_hand(eraser, *TABLES):
        for known in (acme, operators):
            furnish(known, OTHERS, eraser)
        eraser.execute(f"ANALYZE {', '.join(TABLES)}")
        furnish(globex, PEOPLE, eraser)
        yield globex


def grants_read(node: dict[str, Any]) -> float:
    """Return how many grants a plan reads, each as often as it does."""
    own = node["Actual Rows"] * node["Actual Loops"] if node.get("Relation Name") == "identity_grant" else 0
    return own + sum(map(grants_read, node.get("Plans", [])))


def test_each_grant_is_read_once(newcomer):
    read = []

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        if "identity_grant" in sql:
            execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params, many, context)
            read.append(grants_read(context["cursor"].fetchone()[0][0]["Plan"]))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        lines = "".join(access_overview.csv_pieces(newcomer)).splitlines()
    with tenancy.of(newcomer):
        given = Grant.objects.count()
    assert len([line for line in lines if ",p1," in line]) == given
    assert sum(read) <= given
