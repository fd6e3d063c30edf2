"""An organization that comes to a large server is known to PostgreSQL's statistics soon, and is counted as often as it doubles."""

from collections.abc import Iterator

import pytest

from audit import sequencer
from identity import arrivals, batches, tenancy
from tests.conftest import SETUP, scim_client
from tests.database import counted_by_hand

LEAST = 100
OTHERS = 3000
TABLES = ("identity_member", "identity_link", "audit_entry")


@pytest.fixture(autouse=True)
def by_hand(db, eraser) -> Iterator[None]:
    with counted_by_hand(eraser, *TABLES):
        yield


def bring(client, number, *, first=0):
    people = [batches.Arrival(f"p{each}@x.example", {}, f"x{each}") for each in range(first, first + number)]
    for start in range(
        0, number, arrivals.MANY - 1
    ):  # few at a time, as they come by SCIM: nobody counts for them
        part = people[start : start + arrivals.MANY - 1]
        batches.create(client.directory.organization, part, actor=SETUP, directory=client.directory)


def written(eraser):
    """Have PostgreSQL tell what has been written up to now, which it does some seconds later."""
    sequencer.run()
    with tenancy.connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT 1")


def expected(organization, eraser):
    """Return how many members of an organization PostgreSQL expects."""
    sql = "EXPLAIN (FORMAT JSON) SELECT FROM identity_member WHERE organization_id = %s"
    return eraser.execute(sql, [organization.pk]).fetchall()[0][0][0]["Plan"]["Plan Rows"]


def test_a_newcomer_is_known_as_soon_as_the_clock_has_looked(okta, globex, eraser):
    bring(okta, OTHERS)
    eraser.execute(f"ANALYZE {', '.join(TABLES)}")
    bring(scim_client(globex), LEAST)
    written(eraser)
    assert expected(globex, eraser) < LEAST / 2
    # Acme has not been counted by the clock either.
    assert arrivals.count_newcomers(LEAST) == 2
    assert LEAST / 2 < expected(globex, eraser) < LEAST * 2


def test_an_organization_is_counted_as_often_as_it_doubles(okta, eraser):
    counted: list[int] = []
    for number in (LEAST, LEAST // 2, 2 * LEAST):
        bring(okta, number, first=1000 * len(counted))
        written(eraser)
        counted.append(arrivals.count_newcomers(LEAST))
    assert counted == [1, 0, 1]
    assert arrivals.count_newcomers(LEAST) == 0
