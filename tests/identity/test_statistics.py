"""Bringing in many people has PostgreSQL count its tables, so that its kept plans are not those of empty ones."""

from collections.abc import Iterator

import pytest

from audit.record import Actor
from identity import arrivals, batches
from tests.database import counted_by_hand
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def by_hand(db, eraser) -> Iterator[None]:
    """Keep out what other tests have left, too: newcomers would fill its place.

    It is kept as long as anybody could still see it: also while autovacuum counts another table.
    """

    def is_empty() -> bool:
        eraser.execute("VACUUM FULL identity_link")
        [(size,)] = eraser.execute("SELECT pg_relation_size('identity_link')").fetchall()
        return size == 0

    assert eventually(is_empty)
    with counted_by_hand(eraser, "identity_link"):
        yield


def counted(eraser):
    [(rows,)] = eraser.execute(
        "SELECT reltuples FROM pg_class WHERE oid = 'identity_link'::regclass"
    ).fetchall()
    return rows


def bring(acme, client, start, count):
    people = [
        batches.Arrival(f"p{number}@acme.example", {}, f"x{number}") for number in range(start, start + count)
    ]
    batches.create(
        acme, people, actor=Actor("directory", str(client.directory.pk), "okta"), directory=client.directory
    )


def test_the_second_crowd_finds_the_first_one_counted(acme, okta, eraser):
    eraser.execute("ANALYZE identity_member, identity_link, identity_membership")
    assert counted(eraser) == 0
    bring(acme, okta, 0, 1500)
    assert counted(eraser) == 0
    bring(acme, okta, 1500, arrivals.MANY)
    assert counted(eraser) == 1500
    bring(acme, okta, 2000, arrivals.MANY)
    assert counted(eraser) == 1500  # not grown to twice as many


def test_a_few_count_nothing(acme, okta, eraser):
    eraser.execute("ANALYZE identity_link")
    bring(acme, okta, 0, 1500)
    bring(acme, okta, 1500, arrivals.MANY - 1)
    assert counted(eraser) == 0
