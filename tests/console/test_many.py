"""However many there are, a page goes through no more rows than it shows, counts or looks through: PostgreSQL tells how many it did."""

import re
from html import unescape

import pytest
from django.db import connection

from audit import sequencer, stretch
from audit.events import Event
from console import choosing, member_page, numbers
from identity import directories, groups, looking, tenancy
from identity.grants import GrantSpec, edit, open_grants
from identity.models import Member
from tests.api.client import token_of
from tests.conftest import SETUP
from tests.console.conftest import entries, visit
from tests.sync.test_plan_cost import gone_through

PEOPLE = 3000
SOME = 80
# What a page shows, looks through and counts, and a few of everything else that there is.
MOST = 10 * SOME
THEM = """
CREATE TEMP TABLE crowd AS SELECT n, uuidv7() AS id, 'p' || n || '@acme.example' AS name,
  CASE WHEN n %% 10 = 0 THEN 'suspended' ELSE 'active' END AS state FROM generate_series(1, %(people)s) AS n ORDER BY n;
INSERT INTO identity_member (id, organization_id, password, user_name, user_name_key, email, email_key, display_name, profile, state,
  state_reason, version, session_epoch, created_at, changed_at)
SELECT id, %(organization)s, '!', name, name, name, name, 'Person ' || n, '{}', state, '', 1, 0, now(), now() FROM crowd ORDER BY n;
INSERT INTO identity_memberkey (organization_id, kind, key, member_id) SELECT %(organization)s, 'emails', name, id FROM crowd;
INSERT INTO identity_memberkey (organization_id, kind, key, member_id)
SELECT %(organization)s, 'displayName', 'person ' || n, id FROM crowd;
INSERT INTO identity_membership (id, organization_id, group_id, member_id, started_at)
SELECT uuidv7(), %(organization)s, %(group)s, id, now() FROM crowd;
INSERT INTO identity_resource (id, organization_id, kind_id, key, name, created_at)
SELECT uuidv7(), %(organization)s, (SELECT id FROM identity_kind WHERE organization_id = %(organization)s AND name = 'asset'),
       'a' || lpad(n::text, 4, '0'), 'Asset ' || n, now() FROM crowd ORDER BY n;
INSERT INTO identity_grant (id, organization_id, member_id, resource_id, permission, origin, held, started_at)
SELECT uuidv7(), %(organization)s, %(holder)s, thing.id, 'view', 'admin', true, now() FROM identity_resource thing
 WHERE thing.organization_id = %(organization)s AND thing.key LIKE 'a%%';
INSERT INTO identity_outgoingmail (id, organization_id, kind, about, "to", subject, body, state, attempts, created_at, due_at, problem)
SELECT uuidv7(), %(organization)s, 'invitation', id, name, 'Hello', '', 'sent', 1, now(), now(), '' FROM crowd;
INSERT INTO audit_entry (id, organization_id, event, outcome, reason, source, actor_kind, actor_id, subject_kind, subject_id, request_id,
  happened_at, commitment)
SELECT id, %(organization)s, 'member.change', 'success', '', 'scim', 'directory', 'x', 'member', id::text, '', now() - interval '90 days',
       sha256(name::bytea) FROM crowd;
INSERT INTO audit_detail (entry_id, organization_id, salt, body) SELECT id, %(organization)s, '', '{"actor": "okta"}' FROM crowd;
INSERT INTO audit_position (organization_id, seq, entry_id)
SELECT %(organization)s, (SELECT seq FROM audit_head WHERE organization_id = %(organization)s) + n, id FROM crowd;
UPDATE audit_head SET seq = seq + %(people)s WHERE organization_id = %(organization)s;
DROP TABLE crowd;
"""
TABLES = (
    "identity_member", "identity_memberkey", "identity_membership", "identity_grant", "identity_outgoingmail", "identity_resource",
    "audit_entry", "audit_detail", "audit_position",
)  # fmt: skip


@pytest.fixture
def crowd(acme, ada, jane, eraser, monkeypatch):
    """Give an organization of so many people, in one group, and a member with so many grants; a page may look through few of them."""
    group = groups.create(acme, actor=SETUP, display_name="All")
    groups.create(acme, actor=SETUP, display_name="Nobody")
    client = visit(ada)
    api = token_of(ada)
    sequencer.run()
    values = {"organization": acme.pk, "people": PEOPLE, "group": group.pk, "holder": jane.pk}
    eraser.execute("SET session_replication_role = replica")
    for statement in THEM.split(";\n")[:-1]:
        eraser.execute(statement, values if "%(" in statement else None)
    eraser.execute("SET session_replication_role = origin")
    # Other tests have left their pages in these tables, and the planner counts them.
    for table in TABLES:
        eraser.execute(f"VACUUM (FULL, ANALYZE) {table}")
    eraser.execute("ANALYZE")
    for module, name in (
        (looking, "ROWS"),
        (stretch, "ENTRIES"),
        (numbers, "MOST"),
        (numbers, "MOST_OF_EACH"),
        (member_page, "_ACCESS_MAX"),
        (choosing, "ROWS_MAX"),
    ):
        monkeypatch.setattr(module, name, SOME)
    monkeypatch.setattr(member_page, "ROWS_MAX", SOME // 2)
    with connection.cursor() as cursor:
        # As on a disk without arms: in a table of any size, an index is then worth its while.
        cursor.execute("SET random_page_cost = 1.1")
    return client, api, group


def followed(client, address):
    """Give the pages of a list, from the first to the last."""
    path, asked, search = address.partition("?")
    following = f"{asked}{search}"
    while following is not None:
        answer = client.get(f"{path}{following}")
        assert answer.status_code == 200, answer.content
        html = unescape(answer.content.decode())
        yield html
        link = re.search(r'href="(\?[^"]+)" rel="next"', html)
        following = link and link[1]


def most_gone_through(act):
    """Give the answer, and the most rows that one node of its statements' plans went through."""
    most = [0]

    def explained(execute, sql, parameters, many, context):
        if (
            "cursor" in context
            and re.match(r"\s*(SELECT|WITH)\b", sql)
            and "set_config" not in sql
            and "FOR " not in sql
        ):
            execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters, many, context)
            most.extend(gone_through(context["cursor"].fetchone()[0][0]["Plan"]))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(explained):
        answer = act()
    assert answer.status_code == 200, answer.content
    return answer, max(most)


PAGES = [
    ("", "Overview"),
    ("members/", f"{SOME}+"),
    ("members/?state=suspended", "Person 100"),
    ("members/?q=p2999%40", "Begins with"),
    ("members/?q=%402999", "Nothing found so far"),
    ("groups/", f"{SOME}+"),
    ("resources/", "a0050"),
    ("resources/?kind=asset", "a0050"),
    ("resources/?q=A2999", "Nothing found so far"),
    ("resources/?q=a2999", "Id begins with"),
    ("roles/", "organization_admin"),
    ("record/?event=bundle.ask", "Nothing found so far"),
    ("record/?actor=nobody", "Nothing found so far"),
    ("record/?subject=p7%40acme.example", "Member changed"),
    ("record/?since=2999-01-01", "No entry found"),
]


def test_a_page_of_very_many_goes_through_few(crowd, jane):
    client, _, group = crowd
    went = {}
    for address, says in (
        *PAGES,
        (f"groups/{group.pk}/", f"{SOME}+ members"),
        (f"members/{jane.pk}/", f"The first {SOME // 2} of more than {SOME}."),
        (f"members/{jane.pk}/access", f"{SOME} are shown"),
        (f"members/{jane.pk}/timeline", "jane"),
    ):
        answer, most = most_gone_through(lambda address=address: client.get(f"/o/acme/{address}"))
        assert says in unescape(answer.content.decode()), address
        went[address] = most
    assert {address: most for address, most in went.items() if not 0 < most <= MOST} == {}


def test_operators_see_how_many_are_in_a_large_organization_without_going_through_it(crowd, opal):
    client = visit(opal)
    answer, most = most_gone_through(lambda: client.get("/organizations/?q=acme"))
    html = answer.content.decode()
    assert re.findall(r'<td class="rc-number[^>]*>([^<]*)<', html) == [f"{SOME}+", f"{SOME}+"]
    # Beside it, a small one is counted without looking for its people among those of the large one.
    _, beside = most_gone_through(lambda: client.get("/organizations/"))
    assert max(most, beside) <= MOST


def test_a_search_that_finds_nothing_at_first_finds_everybody_page_by_page(crowd):
    client, api, _ = crowd
    address, found, pages = "/o/acme/members/?q=son%20299", [], 0
    while address:
        html = client.get(address).content.decode()
        found += re.findall(r'rc-who-name">(Person \d+)<', html.rpartition("Contains")[2])
        following = re.search(r'href="([^"]+)" rel="next"', html)
        address, pages = f"/o/acme/members/{unescape(following[1])}" if following else "", pages + 1
    expected = {f"Person {number}" for number in (299, *range(2990, 3000))}
    assert (set(found), len(found)) == (expected, len(expected))
    assert pages > PEOPLE / SOME
    after, named = None, []
    while True:
        query = {"q": "son 299", "limit": 4} | ({"after": after} if after else {})
        answer = api.get("/organizations/acme/members", **query).json()
        named += [each["display_name"] for each in answer["items"]]
        after = answer["next"]
        if after is None:
            break
    assert (set(named), len(named)) == (expected, len(expected))


def test_a_filtered_record_is_read_to_its_end_page_by_page(crowd, acme):
    _, api, _ = crowd
    _, most = most_gone_through(lambda: api.get("/organizations/acme/entries", event="bundle.*"))
    assert most <= MOST
    after, found = 0, []
    while after is not None:
        answer = api.get(
            "/organizations/acme/entries", event=["kind.*", "group.create", "token.*"], after=after, limit=2
        ).json()
        found += [each["event"] for each in answer["items"]]
        after = answer["next"]
    assert found == ["group.create", "group.create", "token.issue"]
    downloaded = api.get("/organizations/acme/entries.jsonl", event="group.create")
    assert len(b"".join(downloaded.streaming_content).splitlines()) == 2
    assert len(entries(acme, Event.RECORD_DOWNLOAD)) == 1


def test_a_search_for_resources_to_choose_finds_each_once_and_goes_through_few_a_page(crowd, ada, jane):
    client, _, group = crowd
    for whose in (f"groups/{group.pk}", f"members/{ada.pk}", f"members/{jane.pk}"):
        path = f"/o/acme/{whose}/access?q=t 299"
        shown, following = [], path
        while following:
            answer, most = most_gone_through(lambda following=following: client.get(following))
            assert most <= MOST, following
            html = unescape(answer.content.decode())
            shown += re.findall(r"rc-who-sub\">asset · (a[0-9]{4})<", html)
            link = re.search(r'href="(\?[^"]+)" rel="next"', html)
            assert shown or "Nothing found so far" in html
            following = link and f"{path.partition('?')[0]}{link[1]}"
        assert sorted(shown) == ["a0299", *(f"a{number}" for number in range(2990, 3000))], whose
        # Whose id begins so stands on the first page, and nowhere else.
        assert "a2999" in unescape(client.get(path.replace("t 299", "a2999")).content.decode()), whose


def test_saving_a_page_of_access_leaves_what_it_does_not_show(crowd, acme, jane):
    client, _, _ = crowd
    path = f"/o/acme/members/{jane.pk}/access"
    html = client.get(f"{path}?q=a000").content.decode()
    shown = re.search(r'name="shown" value="([^"]+)"', html)[1]
    boxes = re.findall(r'value="([^"]+):view" checked', html)
    assert len(boxes) == len(shown.split()) == 9
    posted = {"grant": [f"{box}:view" for box in boxes[1:]], "shown": shown}
    told = client.post(path, posted, follow=True).content.decode()
    assert "0 given, 1 ended" in told
    with tenancy.of(acme):
        assert open_grants(jane).count() == PEOPLE - 1
    assert "Nothing changed" in client.post(path, {"grant": posted["grant"]}, follow=True).content.decode()


def test_an_edit_of_one_grant_reads_no_others(crowd, acme, jane):
    _, most = most_gone_through(lambda: _edited(jane))
    assert most <= MOST
    assert len(entries(acme, Event.GRANT_END)) == 1


def _edited(jane):
    class Done:
        status_code = 200
        content = b""

    edit(jane, ending=[GrantSpec("asset", "a0007", "view")], actor=SETUP)
    return Done()


def test_roles_are_counted_apart_from_the_groups_that_bring_them(crowd, acme, ada):
    _, api, _ = crowd
    answer = api.get("/organizations/acme/roles.csv")
    rows = dict(line.split(",")[0:5:4] for line in answer.content.decode().splitlines())
    assert rows["organization_admin"] == "1"
    with tenancy.of(acme):
        assert Member.objects.filter(pk=ada.pk).exists()


def test_the_pages_of_very_many_resources_show_each_of_them_once(crowd):
    client, _, _ = crowd
    for search in ("", "?kind=asset", "?q=Asset+2", "?q=Asset+2&kind=asset"):
        shown = [
            key
            for html in followed(client, f"/o/acme/resources/{search}")
            for key in re.findall(r'<span class="rc-who-sub">(a[0-9]{4})</span>', html)
        ]
        assert shown == [
            f"a{number:04}"
            for number in range(1, PEOPLE + 1)
            if not search.startswith("?q") or str(number).startswith("2")
        ], search


def test_directories_are_listed_a_page_at_a_time(acme, ada):
    names = [f"Store {number:02}" for number in range(61)]
    for name in names:
        directories.create(acme, actor=SETUP, name=name, idp="generic")
    pages = list(followed(visit(ada), "/o/acme/directories/"))
    shown = [re.findall(r'rc-who-name">([^<]+)<', html) for html in pages]
    assert [len(rows) for rows in shown] == [50, 11]
    assert [name for rows in shown for name in rows] == names
