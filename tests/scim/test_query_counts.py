"""The number of statements is fixed for each kind of request, whatever the size of what is read or written."""

import pytest

from identity import (
    directories,
    grants,
    groups,
    leaving,
    members,
    resources,
    roles,
    sessions,
    tenancy,
    tokens,
)
from identity.grants import GrantSpec
from tests.conftest import SETUP
from tests.scim.talk import Scim
from tests.statements import Statements

pytestmark = pytest.mark.usefixtures("db")

# Round trips: what a GET asks, whom a POST may mean and what PUT and PATCH hold travel with the question whose token it is. BEGIN,
# the tenant's setting and savepoints travel with the statement after them, and the last write with COMMIT, which is not counted here. The
# log of requests, switched off here, counts its own.
READ = 1
COUNTS = {
    "get": READ,
    "list": READ,
    "list, more behind": READ,
    "list, further on": READ + 1,  # where the walk has come to
    "filter": READ,
    "create": 1,
    "patch": 1,
    "patch to the same": 1,
    "suspend": 2,
    "put": 1,
    "group get": READ,
    "group add": 2,
    "group remove": 2,
    "refused": 1,  # the entry of the refusal travels with the commit
}


DELETE = 2
# Whether the person came as a try; the departure; and how many there are.
GUARDED = DELETE + 3


@pytest.mark.parametrize("size", [1, 30])
def test_the_number_of_statements_is_fixed(okta, size):
    directories.change(okta.directory, actor=SETUP, settings={"request_log_days": 0, "burst_guard": None})
    idp = Scim(okta)
    idp.get("/Users")
    everybody = [idp.create(f"p{number}@example.org", externalId=str(number))["id"] for number in range(size)]
    group = idp.create_group("Ops", *everybody)["id"]
    person, values = f"/Users/{everybody[0]}", [{"value": each} for each in everybody]
    for name in range(size):
        idp.create_group(f"Other {name}", everybody[0])
    acts = {
        "get": lambda: idp.get(person),
        "list": lambda: idp.get("/Users?count=100"),
        "filter": lambda: idp.get('/Users?filter=userName eq "p0@example.org"'),
        "create": lambda: idp.post("/Users", {"userName": "new@example.org", "externalId": "new"}),
        "list, more behind": lambda: idp.get("/Users?count=1"),
        "list, further on": lambda: idp.get("/Users?count=1&startIndex=2"),
        "patch": lambda: idp.patch(person, {"op": "replace", "path": "title", "value": "x"}),
        "patch to the same": lambda: idp.patch(person, {"op": "replace", "path": "title", "value": "x"}),
        "suspend": lambda: idp.patch(person, {"op": "replace", "value": {"active": False}}),
        "put": lambda: idp.put(person, {"userName": "p0@example.org"}),
        "group get": lambda: idp.get(f"/Groups/{group}"),
        "group remove": lambda: idp.patch(
            f"/Groups/{group}", {"op": "remove", "path": "members", "value": values}
        ),
        "group add": lambda: idp.patch(f"/Groups/{group}", {"op": "add", "path": "members", "value": values}),
        "refused": lambda: idp.patch(person, {"op": "replace", "path": "nothing", "value": "x"}),
    }
    counts = {}
    for name, act in acts.items():
        with Statements() as seen:
            answer = act()
        assert (answer.status >= 400) is (name == "refused"), answer
        counts[name] = len(seen.statements)
    assert counts == COUNTS


def equip(okta, member_id, number):
    """Give somebody that many of everything that an offboarding ends."""
    member = okta.directory.organization.members.get(pk=member_id)
    specs = [GrantSpec("portfolio", f"p{each}", "view") for each in range(number)]
    resources.register(
        okta.directory.organization, [{"kind": spec.kind, "id": spec.key} for spec in specs], actor=SETUP
    )
    grants.replace(member, specs, actor=SETUP)
    roles.replace(member, ["auditor", "member"][:number], actor=SETUP)
    for each in range(number):
        groups.create(
            okta.directory.organization,
            display_name=f"{member_id} {each}",
            members=[str(member.pk)],
            actor=SETUP,
        )
        sessions.start(member, actor=SETUP)
        tokens.issue(member, scopes=["record.read"], actor=SETUP)


@pytest.mark.parametrize("guard", [None, {"members": 5, "percent": 10, "seconds": 3600}])
@pytest.mark.parametrize("number", [0, 1, 20])
def test_a_deletion_asks_the_same_whatever_ends_with_it(okta, number, guard):
    directories.change(okta.directory, actor=SETUP, settings={"request_log_days": 0, "burst_guard": guard})
    idp = Scim(okta)
    first, leaver, _ = (idp.create(f"p{each}@example.org")["id"] for each in range(3))
    with tenancy.of(okta.directory.organization):
        equip(okta, leaver, number)
    idp.delete(f"/Users/{first}")
    with Statements() as seen:
        assert idp.delete(f"/Users/{leaver}").status == 204
    assert len(seen.statements) == (GUARDED if guard else DELETE)


def test_a_list_of_leavers_asks_the_same_however_many_they_are(acme, okta):
    asked = []
    for size in (2, 20):
        leavers = [
            members.provision(acme, user_name=f"{size}-{each}@example.org", actor=SETUP).member
            for each in range(size)
        ]
        with tenancy.of(acme):
            equip(okta, leavers[0].pk, 2)
        with Statements() as seen:
            left = leaving.offboard(acme, [each.pk for each in leavers], actor=SETUP)
        asked.append(len(seen.statements))
        assert [len(each.receipt.grants) for each in left].count(2) == 1
    assert asked == [3, 3]
