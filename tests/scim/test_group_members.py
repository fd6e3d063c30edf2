"""The members of a group page by page, and that nobody looks at them who does not have to."""

from functools import partial

import pytest
from django.db import connection

from identity import groups, tenancy
from identity.models import Group, Membership
from scim.group_members import _FIRST, _statement
from tests.conftest import SETUP, scim_client
from tests.scim.talk import BASE, Scim, crowd_memberships
from tests.statements import Statements

pytestmark = pytest.mark.usefixtures("db")
TABLES = ("identity_membership", "identity_nesting")


@pytest.fixture
def ops(idp):
    """Give a group of five people and a group, and the values of its members in the order of a walk."""
    people = [idp.create(f"p{number}@example.org")["id"] for number in range(5)]
    inner = idp.create_group("Inner")["id"]
    return idp.create_group("Ops", *people, inner)["id"], sorted([*people, inner]), inner


def walk(idp, path, between=lambda: None):
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        answer = idp.get(f"{path}&cursor={cursor}")
        assert answer.status == 200, answer
        seen += [each["value"] for each in answer.body["Resources"]]
        cursor = answer.body.get("nextCursor")
        pages += 1
        between()
    return seen, pages


def test_a_page_is_a_list_of_members(idp, ops):
    group, members, inner = ops
    answer = idp.get(f"/Groups/{group}/members")
    assert answer.body == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 6,
        "itemsPerPage": 6,
        "Resources": [
            {
                "value": each,
                "$ref": f"{BASE}/{'Groups' if each == inner else 'Users'}/{each}",
                "type": "Group" if each == inner else "User",
            }
            for each in members
        ],
    }
    assert answer.headers["ETag"] == idp.get(f"/Groups/{group}").headers["ETag"]
    named = idp.get(f"/Groups/{group}/members?attributes=display").body["Resources"]
    assert sorted(each["display"] for each in named) == ["Inner", *(f"p{n}@example.org" for n in range(5))]


def test_a_page_with_names_has_another_etag_once_a_name_is_another(idp, ops):
    group, _, inner = ops

    def tags():
        pages = (f"/Groups/{group}/members", f"/Groups/{group}/members?attributes=display")
        return [idp.get(page).headers["ETag"] for page in pages]

    plain, named = tags()
    assert named.removesuffix('"').partition(".")[0] == plain.removesuffix('"')
    assert tags() == [plain, named]
    idp.patch(f"/Groups/{inner}", {"op": "replace", "path": "displayName", "value": "Core"})
    same, renamed = tags()
    assert same == plain
    assert renamed != named
    assert renamed.partition(".")[0] == named.partition(".")[0]


@pytest.mark.parametrize(("count", "pages"), [(1, 6), (2, 3), (4, 2), (6, 1), (500, 1), (10_000, 1)])
def test_a_walk_shows_everybody_once(idp, ops, count, pages):
    group, members, _ = ops
    assert walk(idp, f"/Groups/{group}/members?count={count}") == (members, pages)


def test_a_walk_loses_nobody_while_others_come_and_go(idp, acme, ops):
    group, members, _ = ops
    late = idp.create("late@example.org")["id"]
    with tenancy.of(acme):
        row = Group.objects.get(pk=group)

    def disturb():
        groups.change(row, actor=SETUP, add=[late], remove=[members[0]])

    seen, _ = walk(idp, f"/Groups/{group}/members?count=2", disturb)
    assert [each for each in seen if each != late] == members
    assert len(seen) == len(set(seen))


def test_the_total_is_counted_once_and_goes_along(idp, ops):
    group = ops[0]
    first = idp.get(f"/Groups/{group}/members?count=2").body
    second = idp.get(f"/Groups/{group}/members?count=2&cursor={first['nextCursor']}").body
    assert (first["totalResults"], second["totalResults"]) == (6, 6)
    assert idp.get(f"/Groups/{group}/members?count=0").body["Resources"] == []


def test_an_empty_group_has_an_empty_page(idp):
    group = idp.create_group("Empty")["id"]
    body = idp.get(f"/Groups/{group}/members").body
    assert (body["totalResults"], body["Resources"]) == (0, [])
    assert "nextCursor" not in body


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("filter=value pr", "parameter_wrong"),
        ("startIndex=2", "parameter_wrong"),
        ("sortBy=display", "parameter_wrong"),
        ("count=many", "count_wrong"),
        ("cursor=nonsense", "cursor_wrong"),
    ],
)
def test_what_it_cannot_do_is_refused(idp, ops, query, code):
    answer = idp.get(f"/Groups/{ops[0]}/members?{query}")
    assert (answer.status, answer.code) == (400, code)


def test_a_cursor_belongs_to_its_group(idp, ops):
    cursor = idp.get(f"/Groups/{ops[0]}/members?count=1").body["nextCursor"]
    assert idp.get(f"/Groups/{ops[2]}/members?cursor={cursor}").code == "cursor_wrong"


def test_it_is_read_alone(idp, ops):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert idp.send(method, f"/Groups/{ops[0]}/members", {"value": "x"}).status == 405


def test_a_strangers_group_is_not_found(acme, globex, ops, entra):
    for other in (Scim(entra), Scim(scim_client(globex, "okta"))):
        for path in (f"/Groups/{ops[0]}/members", "/Groups/nonsense/members"):
            assert other.get(path).status == 404


def test_the_cost_of_a_page_does_not_grow_with_the_group(idp, acme, okta, ops, eraser):
    """By the plan: each half of the page is read along its index, from the key on, and no further than the page."""
    crowd_memberships(eraser, acme.pk)
    values = {"organization": acme.pk, "group": ops[0], "after": _FIRST.id, "limit": 3}
    with tenancy.of(acme), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + _statement(is_named=False), values)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "membership_open_once" in plan, plan
    assert "member_id >" in plan


EXCLUDED = [
    ("GET", "/Groups/{}?excludedAttributes=members", None),
    ("GET", "/Groups/{}?attributes=displayName,id", None),
    ("GET", "/Groups?excludedAttributes=members", None),
    ("GET", "/Groups?attributes=displayName", None),
    ("GET", '/Groups?filter=displayName eq "ops"&excludedAttributes=members', None),
    ("GET", "/Groups?sortBy=displayName&cursor=&count=1&excludedAttributes=members", None),
    ("POST", "/Groups/.search", {"excludedAttributes": ["members"]}),
    ("PATCH", "/Groups/{}?excludedAttributes=members", {"op": "replace", "path": "displayName", "value": "New"}),
    ("PATCH", "/Groups/{}?attributes=displayName", {"op": "replace", "path": "externalId", "value": "x1"}),
    ("PUT", "/Groups/{}?excludedAttributes=members", {"displayName": "Ops two"}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body"), EXCLUDED)
def test_members_left_out_are_not_looked_at(idp, ops, method, path, body):
    with Statements() as seen:
        send = idp.patch if method == "PATCH" else partial(idp.send, method)
        answer = send(path.format(ops[0]), body)
    assert answer.status == 200, answer
    assert "members" not in str(answer.body)
    assert not [sql for sql in seen.statements if any(table in sql for table in TABLES)]


def test_members_asked_for_are(idp, acme, ops):
    with Statements() as seen:
        assert len(idp.get(f"/Groups/{ops[0]}").body["members"]) == 6
    assert [sql for sql in seen.statements if TABLES[0] in sql]
    with tenancy.of(acme):
        assert Membership.objects.count() == 5
