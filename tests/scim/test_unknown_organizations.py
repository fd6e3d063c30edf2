"""A directory that came since PostgreSQL last made its statistics is searched by walks of it, and not by one for each person."""

from collections.abc import Iterator
from typing import Any

import pytest

from identity import batches, memberships, tenancy, tokens
from identity.batches import Arrival
from identity.postgresql.flush import Statement
from tests.conftest import SETUP, scim_client
from tests.database import counted_by_hand
from tests.scim.talk import Scim
from tests.statements import Statements

PEOPLE, OTHERS = 400, 1500
TABLES = ("identity_member", "identity_link")


def bring(organization: Any, number: int) -> Any:
    client = scim_client(organization, "generic")
    arrivals = [
        Arrival(f"u{each}@x.example", {"displayName": f"P {each}"}, str(each)) for each in range(number)
    ]
    batches.create(organization, arrivals, directory=client.directory, actor=SETUP)
    return client


@pytest.fixture
def newcomer(acme, globex, operators, eraser) -> Iterator[Any]:
    """Give a directory of whose organization PostgreSQL expects nobody: the others are many more, so it counts nothing anew."""
    with counted_by_hand(eraser, *TABLES):
        for known in (acme, operators):
            bring(known, OTHERS)
        eraser.execute(f"ANALYZE {', '.join(TABLES)}")
        yield bring(globex, PEOPLE)


def members_read(node: dict[str, Any]) -> float:
    """Return how many members a plan reads or passes over, each as often as it does."""
    return rows_read(node, "identity_member")


def rows_read(node: dict[str, Any], table: str) -> float:
    """Return so for any table."""
    own = node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
    return (own if node.get("Relation Name") == table else 0) + sum(
        rows_read(each, table) for each in node.get("Plans", [])
    )


def test_a_filter_walks_once_for_the_page_and_once_for_its_total(newcomer):
    token = tokens.find(newcomer.secret).token
    everybody = PEOPLE + 2 * OTHERS
    for wanted in (
        'displayName co "P 7"',
        'name.familyName pr or title eq "CEO"',
        'userName ew "7@x.example"',
    ):
        with Statements() as noted:
            assert Scim(newcomer).get(f"/Users?count=10&filter={wanted}").status == 200
        sql, parameters = next(each for each in noted.sent if "identity_link" in each[0])
        explaining = Statement(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
        explained = tenancy.read_as(token.organization_id, token.directory_id, token.pk, explaining)[0][0]
        # For the page, and for its total; not once for each of them.
        assert members_read(explained[0]["Plan"]) <= 2 * everybody, wanted


def test_whoever_is_named_for_a_group_is_looked_up_by_their_own_keys(newcomer):
    scim = Scim(newcomer)
    named = [each["id"] for each in scim.get("/Users?count=30").body["Resources"]]
    token = tokens.find(newcomer.secret).token
    values = {"organization": token.organization_id, "directory": token.directory_id}
    asked = values | memberships.held([*named, "somebody else"])
    explained = tenancy.read(
        token.organization_id, f"EXPLAIN (ANALYZE, FORMAT JSON) {memberships.HOLD}", asked
    )
    plan = explained[0][0][0]["Plan"]
    assert members_read(plan) == len(named)
    # Not all of them for each: once for the one who is not known.
    assert rows_read(plan, "identity_link") <= PEOPLE
