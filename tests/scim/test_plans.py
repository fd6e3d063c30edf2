"""What identity providers ask for is found by an index, also under row-level security: PostgreSQL's own plans are looked at."""

from uuid import UUID

import pytest
from django.db import connection

from identity import matching, tenancy, tokens
from identity.models import Directory, MemberKey
from identity.postgresql.flush import Statement
from scim import queries
from scim.schemas import GROUPS
from tests.conftest import make_acme, scim_client
from tests.scim.talk import Scim
from tests.statements import Statements

pytestmark = pytest.mark.usefixtures("db")
PEOPLE = 2000
LED = ("identity_member", "identity_link", "identity_membership", "identity_activeperiod")


@pytest.fixture
def idp(db, once, eraser):
    """Give a directory of some thousand people, as many as make an index worth its while, and statistics about them."""
    okta = once(make_full)
    eraser.execute("ANALYZE")
    return Scim(okta)


def make_full():
    """Make a directory and push all people."""
    okta = scim_client(make_acme(), "okta")
    talk = Scim(okta)
    operations = [
        {
            "method": "POST",
            "path": "/Users",
            "bulkId": str(number),
            "data": {
                "userName": f"p{number}@example.org",
                "externalId": f"x{number}",
                "displayName": f"Person {number}",
                "emails": [
                    {"value": f"P{number}@example.org", "type": "work", "primary": True},
                    {"value": f"home{number}@example.net", "type": "home"},
                ],
            },
        }
        for number in range(PEOPLE)
    ]
    urn = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
    for start in range(0, PEOPLE, 1000):
        part = operations[start : start + 1000]
        assert talk.post("/Bulk", {"schemas": [urn], "Operations": part}).status == 200
    return okta


def plan_of(idp, query):
    """Return the nodes of the plan of the page's statement, and how many were found."""
    with Statements() as noted:
        found = idp.get(f"/Users?{query}").body["totalResults"]
    sql, parameters = next(each for each in noted.sent if "identity_link" in each[0])
    token = tokens.find(idp.secret).token
    explaining = Statement(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
    explained = tenancy.read_as(token.organization_id, token.directory_id, token.pk, explaining)[0][0]
    return nodes_of(explained[0]["Plan"]), found


CASES = [
    ('userName eq "P77@example.org"', "member_user_name_key"),
    ('externalId eq "x77"', "link_external_id"),
    ('emails eq "home77@example.net"', "identity_memberkey"),
    ('emails.value eq "P77@EXAMPLE.org"', "identity_memberkey"),
    ('emails[type eq "work" and value eq "p77@example.org"]', "identity_memberkey"),
    ('emails[type eq "work"].value eq "p77@example.org"', "identity_memberkey"),
    ('displayName eq "person 77"', "identity_memberkey"),
    ('displayName sw "person 77" and not (displayName sw "person 77 ")', "identity_memberkey"),
    ('userName eq "nobody@example.org" or emails eq "home77@example.net"', "member_user_name_key"),
    ('externalId eq "x77" or (userName eq "p77@example.org" and active eq true)', None),
    ('displayName eq "Nobody" or emails.value eq "nobody" or externalId eq "x77"', "link_external_id"),
    ('meta.lastModified gt "2999-01-01T00:00:00Z"', "member_changed"),
]


def test_what_clients_look_for_is_led_by_an_index(idp):
    for written, index in CASES:
        nodes, found = plan_of(idp, f"filter={written}")
        assert found == (0 if written.startswith("meta") else 11 if " sw " in written else 1), written
        if index is None:
            continue  # found, though nothing leads to it
        assert any(index in node.get("Index Name", "") for node in nodes), (written, nodes)
        assert not read_whole(nodes), written
    # A page reads no more people than it shows, and the total is not counted.
    nodes, found = plan_of(idp, "count=10")
    assert (found, read_whole(nodes)) == (PEOPLE, set())
    # By directory and member: along all the organization's links a small directory would look through those of a large one, and a plan
    # made for the one is kept for the other.
    for query in ("count=10", "count=10&sortOrder=descending", "count=10&cursor="):
        nodes, _ = plan_of(idp, query)
        assert {node["Index Name"] for node in nodes if node.get("Relation Name") == "identity_link"} == {
            "link_member"
        }


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    "asked",
    ["sortBy=userName", "sortBy=meta.lastModified", 'sortBy=userName&filter=userName ge "p"',
     'sortBy=meta.lastModified&filter=meta.lastModified gt "2020-01-01T00:00:00Z"'],
)  # fmt: skip
def test_a_page_of_a_sorted_list_looks_each_link_up(idp, asked, descending):
    """Along the index of the order, and never through all links for each person, as for an organization that PostgreSQL did not know."""

    def place(shown):
        return (
            shown["userName"] if "sortBy=userName" in asked else (shown["meta"]["lastModified"], shown["id"])
        )

    query = f"{asked}&sortOrder={'descending' if descending else 'ascending'}"
    pages = [
        idp.get(f"/Users?count=500&startIndex={start}").body["Resources"] for start in range(1, PEOPLE, 500)
    ]
    everybody = sorted((place(each) for page in pages for each in page), reverse=descending)
    shown, cursor = [], ""
    for _ in range(3):
        nodes, _ = plan_of(idp, f"count=10&{query}&cursor={cursor}")
        (link,) = [
            node
            for node in nodes
            if node.get("Index Name", "").startswith("link_") and node["Plan Rows"] == 1
        ]
        assert link["Node Type"] in {"Index Scan", "Index Only Scan"}
        assert "Materialize" not in {node["Node Type"] for node in nodes}
        page = idp.get(f"/Users?count=10&{query}&cursor={cursor}").body
        shown += page["Resources"]
        cursor = page["nextCursor"]
    assert [*map(place, shown)] == everybody[:30]
    for start in (11, 1991):
        page = idp.get(f"/Users?count=10&{query}&startIndex={start}").body
        assert (page["totalResults"], [*map(place, page["Resources"])]) == (
            PEOPLE,
            everybody[start - 1 : start + 9],
        )


def test_people_of_a_bulk_are_found_one_by_one(idp):
    """Whom fifty newcomers mean, and the rows of fifty who are to be changed."""
    token = tokens.find(idp.secret).token
    names = [
        matching.Names(f"q{number}@example.org", f"y{number}", f"q{number}@example.net")
        for number in range(50)
    ]
    directory = Directory(pk=token.directory_id)
    people = [UUID(each["id"]) for each in idp.get("/Users?count=50").body["Resources"]]
    sent = []

    def note(execute, sql, parameters, many, context):
        sent.append(Statement(f"EXPLAIN (FORMAT JSON) {sql}", parameters))
        return execute(sql, parameters, many, context)

    with tenancy.of(token.organization_id), connection.execute_wrapper(note):
        assert matching.met(token.organization_id, directory, names) == [False] * 50
        held = tenancy.read_as(token.organization_id, directory.pk, token.pk, queries.users_held(people))
        assert len(held) == 50
    for explaining in sent:
        explained = tenancy.read_as(token.organization_id, directory.pk, token.pk, explaining)[0][0]
        assert not read_whole(nodes_of(explained[0]["Plan"])), explaining.sql


def test_the_groups_of_somebody_are_found_one_by_one_however_many_there_are(idp, eraser):
    last = idp.get("/Users?count=1").body["Resources"][0]["id"]
    for number in range(30):
        members = [{"value": last}] if number == 29 else []
        idp.post(
            "/Groups", {"schemas": [GROUPS.schema.id], "displayName": f"Group {number}", "members": members}
        )
    eraser.execute("ANALYZE")
    nodes, _ = plan_of(idp, "count=10")
    looked = [node for node in nodes if node.get("Relation Name") == "identity_group"]
    # By each group's key; in their order all the older ones would be gone through for each person of the page.
    assert looked
    assert all("group_id" in node.get("Index Cond", "") + node.get("Filter", "") for node in looked), looked
    assert not any(node["Node Type"] == "Merge Join" for node in nodes)


def read_whole(nodes, tables=("identity_member", "identity_link", "identity_memberkey")):
    return {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"} & {*tables}


def test_keys_follow_the_profile_whoever_writes_it(acme, okta):
    talk = Scim(okta)
    made = talk.create(
        "a@example.org", displayName="Äda", emails=[{"value": "A@example.org"}, {"value": "b@x.org"}]
    )

    def keys():
        with tenancy.of(acme):
            return sorted(MemberKey.objects.filter(member_id=made["id"]).values_list("kind", "key"))

    assert keys() == [("displayName", "äda"), ("emails", "a@example.org"), ("emails", "b@x.org")]
    path = f"/Users/{made['id']}"
    talk.patch(path, {"op": "remove", "path": 'emails[value eq "b@x.org"]'})
    talk.patch(path, {"op": "replace", "path": "title", "value": "x"})
    assert keys() == [("displayName", "äda"), ("emails", "a@example.org")]
    talk.put(path, {"userName": "a@example.org", "displayName": "x" * 900})
    assert keys() == [("displayName", "x" * 500)]
    assert talk.get(f'/Users?filter=displayName eq "{"X" * 900}"').body["totalResults"] == 1
    assert talk.get(f'/Users?filter=displayName eq "{"x" * 899}y"').body["totalResults"] == 0
    assert talk.get(f'/Users?filter=not (displayName eq "{"x" * 900}")').body["totalResults"] == 0


def test_what_a_write_asks_is_led_by_an_index_however_many_people_there_are(idp, eraser):
    everybody = [each["id"] for each in idp.get(f"/Users?count={PEOPLE}").body["Resources"]]
    # Where one group is most of the table, walking the table is right: so each has a twentieth of it.
    groups = [idp.create_group(f"Team {place}", *everybody[place + 1 :: 20]) for place in range(20)]
    group = groups[0]["id"]
    # Other tests on this database have left their pages in tables and indexes, and the planner counts them.
    for table in LED:
        eraser.execute(f"VACUUM (FULL, ANALYZE) {table}")
    eraser.execute("ANALYZE")
    person, first = f"/Users/{everybody[0]}", [{"value": everybody[0]}]
    acts = {
        "create": lambda: idp.post("/Users", {"userName": "new@example.org", "externalId": "new"}),
        "put": lambda: idp.put(person, {"userName": "other@example.org"}),
        "suspend": lambda: idp.patch(person, {"op": "replace", "value": {"active": False}}),
        "delete a newcomer": lambda: idp.delete(f"/Users/{idp.create('newest@example.org')['id']}"),
        "one more": lambda: idp.patch(f"/Groups/{group}", {"op": "add", "path": "members", "value": first}),
        "one less": lambda: idp.patch(
            f"/Groups/{group}", {"op": "remove", "path": "members", "value": first}
        ),
    }
    with tenancy.everywhere("the organization of the test"):
        organization = Directory.objects.get().organization_id
    for name, act in acts.items():
        with Statements() as noted:
            assert act().status < 300, name
        assert len(noted.sent) > 1
        with connection.cursor() as cursor:
            # As on a disk without arms: in a small table of any state, an index is then worth its while.
            cursor.execute("SET random_page_cost = 1.1")
        for sql, parameters in noted.sent:
            if "identity_token_owner" not in sql:
                plan = tenancy.read(organization, f"EXPLAIN (FORMAT JSON) {sql}", parameters)[0][0]
                assert not read_whole(nodes_of(plan[0]["Plan"]), LED), (name, sql)
        with connection.cursor() as cursor:
            cursor.execute("RESET random_page_cost")


def nodes_of(plan):
    waiting, nodes = [plan], []
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting += node.get("Plans", [])
    return nodes
