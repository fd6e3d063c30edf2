"""How many people a directory has, how many of them are active and how its list is divided: exact, whoever comes or goes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote
from uuid import UUID

import psycopg
import pytest
from django.db import connections

from identity import batches, exits, links, member_row, members, offboarding, tenancy
from identity.models import Link, Member, Stretch, StretchStep
from tasks.jobs import scim as jobs
from tests.conftest import SETUP, join, scim_client
from tests.database import named
from tests.scim.talk import Scim
from tests.scim.test_parallel_processes import address, at_once  # noqa: F401 - a fixture
from tests.settings import SERVERS
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("db")
# More than two stretches hold.
CROWD = 4500
_CROWD = """
SET session_replication_role = replica;
CREATE TEMPORARY TABLE crowd AS SELECT n, uuidv7() AS id, 'c' || n || '@example.org' AS name FROM generate_series(1, {people}) AS n;
INSERT INTO identity_member (id, organization_id, password, user_name, user_name_key, email, email_key, display_name, profile, state,
                             state_reason, version, session_epoch, created_at, changed_at)
SELECT id, '{organization}', '!', name, name, name, name, '', '{{}}', 'active', '', 1, 0, now(), now() FROM crowd;
INSERT INTO identity_activeperiod (id, organization_id, member_id, started_at) SELECT uuidv7(), '{organization}', id, now() FROM crowd;
INSERT INTO identity_link (id, organization_id, directory_id, member_id, source_version, linked_at)
SELECT uuidv7(), '{organization}', '{directory}', id, '', now() FROM crowd;
INSERT INTO identity_stretchstep (id, organization_id, directory_id, member_id, difference)
SELECT uuidv7(), '{organization}', '{directory}', id, 1 FROM crowd;
INSERT INTO identity_directorysize (id, organization_id, directory_id, people, active)
VALUES (uuidv7(), '{organization}', '{directory}', {people}, {people});
DROP TABLE crowd;
RESET session_replication_role;
"""
_COUNTED = """
SELECT count(*), count(*) FILTER (WHERE member.state = 'active')
  FROM identity_link AS link JOIN identity_member AS member ON member.id = link.member_id
 WHERE link.directory_id = %s AND link.tombstoned_at IS NULL"""
_KEPT = "SELECT COALESCE(sum(people), 0)::int, COALESCE(sum(active), 0)::int FROM identity_directorysize WHERE directory_id = %s"
# Where each stretch begins: by what is kept, and counted off.
_BEGINNINGS = """
SELECT (SELECT COALESCE(sum(people), 0) FROM identity_stretch AS other
         WHERE other.directory_id = %(directory)s AND other.first < stretch.first)
     + (SELECT COALESCE(sum(difference), 0) FROM identity_stretchstep
         WHERE directory_id = %(directory)s AND member_id < stretch.first),
       (SELECT count(*) FROM identity_link
         WHERE directory_id = %(directory)s AND member_id < stretch.first AND tombstoned_at IS NULL)
  FROM identity_stretch AS stretch WHERE directory_id = %(directory)s"""
_LINK = """
INSERT INTO identity_link (id, organization_id, directory_id, member_id, source_version, linked_at)
VALUES (gen_random_uuid(), %s, %s, %s, '', now())"""


@pytest.fixture
def idp(okta):
    return Scim(okta)


@pytest.fixture
def agree(eraser, okta):
    """Compare what is kept with what is there, and return it: people, and active ones."""

    def compared(directory=okta.directory):
        counted = eraser.execute(_COUNTED, [directory.pk]).fetchone()
        assert eraser.execute(_KEPT, [directory.pk]).fetchone() == counted
        for kept, there in eraser.execute(_BEGINNINGS, {"directory": directory.pk}).fetchall():
            assert kept == there
        return counted

    return compared


def total(idp, written):
    return idp.get(f"/Users?count=0&filter={quote(written)}").body["totalResults"]


def stretches(organization):
    with tenancy.of(organization):
        return list(Stretch.objects.order_by("first").values_list("people", flat=True))


def test_the_active_are_counted_whatever_happens_to_people_and_links(acme, okta, idp, agree):
    ids = [idp.create(f"p{number}@example.org", active=number != 0)["id"] for number in range(5)]
    assert agree() == (5, 4)
    idp.patch(f"/Users/{ids[1]}", {"op": "replace", "path": "active", "value": False})
    idp.patch(f"/Users/{ids[0]}", {"op": "replace", "path": "active", "value": True})
    assert agree() == (5, 4)
    # Deleted while active, and while not.
    assert idp.delete(f"/Users/{ids[2]}").status == 204
    assert idp.delete(f"/Users/{ids[1]}").status == 204
    assert agree() == (3, 3)
    # Somebody of two directories is active in both, and offboarded by hand in both.
    other = scim_client(acme, "entra")
    with tenancy.of(acme):
        shared = Member.objects.get(pk=ids[3])
    with tenancy.change(acme):
        links.make(shared, other.directory, "shared")
        members.record(
            members.Event.MEMBER_LINK,
            organization_id=acme.pk,
            actor=SETUP,
            subject=member_row.subject_of(shared),
        )
    assert (agree(), agree(other.directory)) == ((3, 3), (1, 1))
    members.offboard(shared, actor=SETUP, reason="left")
    assert (agree(), agree(other.directory)) == ((3, 2), (1, 0))
    members.reinstate(shared, with_access=False, actor=SETUP)
    assert (agree(), agree(other.directory)) == ((3, 3), (1, 1))
    jobs.count_stretches()
    assert agree() == (3, 3)


def writes_of_sizes():
    """Return how often sizes were written by this connection, as far as it has told nobody yet: so before and after are compared."""
    sql = (
        "SELECT n_tup_ins + n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = 'identity_directorysize'"
    )
    return tenancy.asked(sql, [])[0][0]


def test_many_who_go_by_one_statement_are_counted_once(acme, okta, idp, agree):
    ids = [UUID(idp.create(f"p{number}@example.org")["id"]) for number in range(7)]
    other = scim_client(acme, "entra")
    with tenancy.change(acme):
        people = list(Member.objects.filter(pk__in=ids).order_by("pk"))
        for each in people[:2]:
            links.make(each, other.directory, None)
            members.record(
                members.Event.MEMBER_LINK,
                organization_id=acme.pk,
                actor=SETUP,
                subject=member_row.subject_of(each),
            )
    with tenancy.change(acme):
        before = writes_of_sizes()
        batches.suspend(acme, {each.pk: each.version for each in people[:4]}, actor=SETUP, reason="gone")
        assert writes_of_sizes() - before == 2
    assert (agree(), agree(other.directory)) == ((7, 3), (2, 0))
    with tenancy.change(acme):
        versions = {each.pk: each.version + 1 for each in people[:2]}
        before = writes_of_sizes()
        batches.reactivate(acme, versions, actor=SETUP, reason="back")
        assert writes_of_sizes() - before == 2
    assert (agree(), agree(other.directory)) == ((7, 5), (2, 2))
    with tenancy.change(acme):
        # Links first, and then states of whoever has another one.
        leavers = batches.locked(acme, ids[:6])
        before = writes_of_sizes()
        offboarding.offboard_all_locked(leavers, actor=SETUP, reason="deleted", tombstone=okta.directory)
        assert writes_of_sizes() - before == 2
        # Alone, in a transaction that has announced many.
        exits.suspend_locked(batches.locked(acme, ids[6:])[0], actor=SETUP, reason="told")
    assert (agree(), agree(other.directory)) == ((1, 0), (2, 0))
    jobs.count_stretches()
    assert (agree(), agree(other.directory)) == ((1, 0), (2, 0))


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("active eq true", 3),
        ("ACTIVE eq false", 2),
        ("active ne true", 2),
        ('urn:ietf:params:scim:schemas:core:2.0:User:active eq "False"', 2),
        ("active pr", 5),
        ("userName pr", 5),
        ("not (active eq true)", 2),
        ('active eq true and userName sw "p"', 3),
        ("title pr", 0),
    ],
)
def test_totals_that_are_kept_are_those_that_would_be_counted(acme, idp, written, wanted):
    for number in range(5):
        idp.create(f"p{number}@example.org", active=number > 1)
    Scim(scim_client(acme, "entra")).create("other@example.org")
    assert total(idp, written) == wanted
    page = idp.get(f"/Users?count=1&filter={quote(written)}").body
    assert (page["totalResults"], len(page["Resources"])) == (wanted, min(wanted, 1))
    by_cursor = idp.get(f"/Users?cursor&count=1&filter={quote(written)}").body
    assert by_cursor["totalResults"] == wanted
    if "nextCursor" in by_cursor:
        following = idp.get(
            f"/Users?count=1&filter={quote(written)}&cursor={quote(by_cursor['nextCursor'])}"
        ).body
        assert following["totalResults"] == wanted


def test_who_jumps_lands_where_counting_would_lead(acme, okta, idp, eraser, agree):
    eraser.execute(_CROWD.format(people=CROWD, organization=acme.pk, directory=okta.directory.pk))
    with tenancy.of(acme):
        everybody = [
            str(each) for each in Link.objects.order_by("member_id").values_list("member_id", flat=True)
        ]

    def lands():
        agree()
        with tenancy.of(acme):
            live = Link.objects.filter(tombstoned_at__isnull=True).order_by("member_id")
            wanted = [str(each) for each in live.values_list("member_id", flat=True)]
        # Places that nobody has walked to, at both sides of each border and past the end.
        for start in (
            2,
            1999,
            2000,
            2001,
            2002,
            3998,
            3999,
            4001,
            len(wanted) - 1,
            len(wanted),
            len(wanted) + 7,
        ):
            body = idp.get(f"/Users?startIndex={start}&count=2&attributes=id").body
            assert [each["id"] for each in body["Resources"]] == wanted[start - 1 : start + 1], start
            assert body["totalResults"] == len(wanted)
            eraser.execute("DELETE FROM scim_walk")

    lands()
    assert jobs.count_stretches() == CROWD
    assert stretches(acme) == [2000, 2000, 500]
    lands()
    for place in (0, 5, 1998, 1999, 2000, 2001, 3999, 4000, 4499):
        assert idp.delete(f"/Users/{everybody[place]}").status == 204
    newcomer = idp.create("new@example.org")["id"]
    assert everybody[-1] < newcomer
    lands()
    assert jobs.count_stretches() == 10
    assert stretches(acme) == [1996, 1997, 499]
    lands()
    # Who was here before the list began to be divided comes into its midst.
    with tenancy.change(acme):
        back = Member.objects.get(pk=everybody[1999])
        links.make(back, okta.directory, "back")
        members.record(
            members.Event.MEMBER_LINK,
            organization_id=acme.pk,
            actor=SETUP,
            subject=member_row.subject_of(back),
        )
    lands()
    assert (jobs.count_stretches(), jobs.count_stretches()) == (1, 0)
    lands()


def test_a_stretch_from_which_everybody_went_is_skipped(acme, okta, idp, eraser, agree):
    eraser.execute(_CROWD.format(people=4001, organization=acme.pk, directory=okta.directory.pk))
    jobs.count_stretches()
    assert stretches(acme) == [2000, 2000, 1]
    with tenancy.of(acme):
        last = str(Link.objects.order_by("-member_id").values_list("member_id", flat=True)[0])
    eraser.execute("ALTER TABLE identity_link DISABLE TRIGGER recorded")
    eraser.execute("DELETE FROM identity_link WHERE member_id < %s", [last])
    eraser.execute("ALTER TABLE identity_link ENABLE TRIGGER recorded")
    assert agree() == (1, 1)
    jobs.count_stretches()
    assert (agree(), stretches(acme)) == ((1, 1), [0, 0, 1])
    assert idp.get("/Users?startIndex=2").body["Resources"] == []
    assert [each["id"] for each in idp.get("/Users?startIndex=1").body["Resources"]] == [last]


def test_counts_hold_while_everything_happens_at_once(acme, okta, idp, address, agree):  # noqa: F811
    ids = [idp.create(f"p{number}@example.org")["id"] for number in range(40)]
    stopped = threading.Event()

    def count():
        try:
            while not stopped.wait(0.01):
                jobs.count_stretches()
        finally:
            connections.close_all()

    def active(value):
        return {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": value}],
        }

    requests = []
    for number, each in enumerate(ids):
        requests += [
            ("POST", "/Users", {"userName": f"n{number}@example.org", "active": number % 2 == 0}),
            ("PATCH", f"/Users/{each}", active(False)),
            ("PATCH", f"/Users/{each}", active(True)),
            ("DELETE", f"/Users/{ids[number // 2]}", None),
        ]
    with ThreadPoolExecutor(1) as pool:
        counting = pool.submit(count)
        try:
            statuses = at_once(address, okta.secret, requests)
        finally:
            stopped.set()
        counting.result(PATIENCE)
    # Each of twenty was deleted twice: once in truth.
    assert statuses.count(204) == 20
    assert agree()[0] == 60
    jobs.count_stretches()
    agree()
    with tenancy.of(acme):
        assert (StretchStep.objects.count(), sum(Stretch.objects.values_list("people", flat=True))) == (0, 60)


@pytest.mark.parametrize("is_link_first", [True, False])
def test_a_link_waits_for_the_state_of_its_member_and_the_state_for_the_link(
    acme, okta, database, eraser, agree, is_link_first
):
    jane = join(acme, "jane")
    link = _LINK, [acme.pk, okta.directory.pk, jane.pk]
    state = "UPDATE identity_member SET state = 'suspended' WHERE id = %s", [jane.pk]
    url = named(SERVERS.superuser_url, database)
    with psycopg.connect(url) as first, psycopg.connect(url) as second:
        first.execute("ALTER TABLE identity_link DISABLE TRIGGER recorded")
        first.execute("ALTER TABLE identity_member DISABLE TRIGGER recorded")
        first.commit()
        try:
            first.execute(*(link if is_link_first else state))
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(second.execute, *(state if is_link_first else link))
                while not eraser.execute(
                    "SELECT cardinality(pg_blocking_pids(%s))", [second.info.backend_pid]
                ).fetchone()[0]:
                    assert not waiting.done()
                first.commit()
                waiting.result(PATIENCE)
            second.commit()
        finally:
            second.rollback()
            first.execute("ALTER TABLE identity_link ENABLE TRIGGER recorded")
            first.execute("ALTER TABLE identity_member ENABLE TRIGGER recorded")
            first.commit()
    assert agree() == (1, 0)


def test_a_stretch_is_counted_to_its_own_end_and_not_to_the_end_of_the_list(acme, okta, eraser):
    """Whoever leaves is mostly not among the latest: one of them a minute had half of the directory walked each minute."""
    eraser.execute(_CROWD.format(people=20_000, organization=acme.pk, directory=okta.directory.pk))
    assert jobs.count_stretches() == 20_000
    eraser.execute("VACUUM ANALYZE identity_link, identity_stretch, identity_stretchstep")
    read = []
    for order in ("", "DESC"):
        (somebody,) = eraser.execute(
            f"SELECT member_id FROM identity_link WHERE directory_id = %s ORDER BY member_id {order} LIMIT 1",  # noqa: S608
            [okta.directory.pk],
        ).fetchone()
        with eraser.transaction():
            eraser.execute("SET LOCAL session_replication_role = replica")
            eraser.execute("DELETE FROM identity_link WHERE member_id = %s", [somebody])
            eraser.execute(
                "INSERT INTO identity_stretchstep (id, organization_id, directory_id, member_id, difference)"
                " VALUES (uuidv7(), %s, %s, %s, -1)",
                [acme.pk, okta.directory.pk, somebody],
            )
        sql = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT identity_count_stretches(%s, %s)"
        plan = tenancy.read(acme, sql, [acme.pk, okta.directory.pk])[0][0][0]["Plan"]
        read.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
    # 2,000 links and what leads to them; all links are ten times as many.
    assert max(read) < 4000, read
    with tenancy.of(acme):
        assert sorted(Stretch.objects.values_list("people", flat=True)) == [1999, 1999, *[2000] * 8]
