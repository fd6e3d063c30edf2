"""A record that grew since statistics were made is read as fast as one that they know: each entry once."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from audit import chain, export, sequencer
from audit.events import Event
from audit.record import Line, Subject, record_all
from identity import tenancy
from tests.conftest import SETUP
from tests.database import counted_by_hand

TABLES = ("audit_entry", "audit_position", "audit_detail")


def lengthen(organization: Any, entries: int) -> None:
    with tenancy.change(organization):
        record_all(
            Line(Event.MEMBER_CHANGE, organization.pk, SETUP, Subject("member", str(number)))
            for number in range(entries)
        )
    while sequencer.run():
        pass


@pytest.fixture
def newcomer(acme, globex, operators, eraser) -> Iterator[Any]:
    """Give an organization whose record was empty when PostgreSQL last counted: so little more makes it count nothing anew."""
    with counted_by_hand(eraser, *TABLES):
        for known in (acme, operators):
            lengthen(known, 3000)
        eraser.execute(f"ANALYZE {', '.join(TABLES)}")
        lengthen(globex, 300)
        yield globex


def entries_read(node: dict[str, Any]) -> float:
    """Return how many entries a plan reads, each as often as it does."""
    own = node["Actual Rows"] * node["Actual Loops"] if node.get("Relation Name") == "audit_entry" else 0
    return own + sum(map(entries_read, node.get("Plans", [])))


@pytest.mark.parametrize(
    "read",
    [
        lambda organization: chain.follow(organization.pk, chain.Place(), 1000),
        lambda organization: export.page(organization.pk, export.Filter(), limit=1000),
        lambda organization: export.page(organization.pk, export.Filter(subject="7"), limit=1000),
        lambda organization: export.page(organization.pk, export.Filter(events=(Event.MEMBER_CHANGE,)), limit=1000),
    ],
    ids=["chain", "page", "page about somebody", "page of an event"],
)  # fmt: skip
def test_each_entry_is_read_once(newcomer, read):
    read_entries = []

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        if "JOIN" in sql:
            execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params, many, context)
            read_entries.append(entries_read(context["cursor"].fetchone()[0][0]["Plan"]))
        return execute(sql, params, many, context)

    with tenancy.of(newcomer), connection.execute_wrapper(explained):
        read(newcomer)
        (known,) = tenancy.asked("SELECT seq FROM audit_head WHERE organization_id = %s", [newcomer.pk])[0]
    assert read_entries
    assert sum(read_entries) <= known
