"""A directory that came since PostgreSQL last made its statistics is searched by walks of it, and not by one for each person."""

from collections.abc import Iterator
from typing import Any

import pytest

from identity import batches, tenancy, tokens
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
    own = node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
    return (own if node.get("Relation Name") == "identity_member" else 0) + sum(
        map(members_read, node.get("Plans", []))
    )


@pytest.mark.parametrize(
    "wanted", ['displayName co "P 7"', 'name.familyName pr or title eq "CEO"', 'userName ew "7@x.example"']
)
def test_a_filter_walks_once_for_the_page_and_once_for_its_total(newcomer, wanted):
    with Statements() as noted:
        assert Scim(newcomer).get(f"/Users?count=10&filter={wanted}").status == 200
    sql, parameters = next(each for each in noted.sent if "identity_link" in each[0])
    token = tokens.find(newcomer.secret).token
    explaining = Statement(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
    explained = tenancy.read_as(token.organization_id, token.directory_id, token.pk, explaining)[0][0]
    everybody = PEOPLE + 2 * OTHERS
    # For the page, and for its total; not once for each of them.
    assert members_read(explained[0]["Plan"]) <= 2 * everybody
