"""How many people a directory has and how many of them are active: exact, whoever comes or goes."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote
from uuid import UUID

import psycopg
import pytest

from identity import batches, exits, links, member_row, members, offboarding, tenancy
from identity.models import Member
from tasks.jobs import scim as jobs
from tests.conftest import SETUP, join, scim_client
from tests.database import named
from tests.scim.talk import Scim
from tests.scim.test_parallel_processes import address, at_once  # noqa: F401 - a fixture
from tests.settings import SERVERS
from tests.waiting import PATIENCE, once

_LINK = """
INSERT INTO identity_link (id, organization_id, directory_id, member_id, source_version, linked_at)
VALUES (gen_random_uuid(), %s, %s, %s, '', now())"""


def total(idp, written):
    return idp.get(f"/Users?count=0&filter={quote(written)}").body["totalResults"]


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
                blocking = "SELECT cardinality(pg_blocking_pids(%s))", [second.info.backend_pid]
                once(lambda: eraser.execute(*blocking).fetchone()[0], waiting)
                first.commit()
                waiting.result(PATIENCE)
            second.commit()
        finally:
            second.rollback()
            first.execute("ALTER TABLE identity_link ENABLE TRIGGER recorded")
            first.execute("ALTER TABLE identity_member ENABLE TRIGGER recorded")
            first.commit()
    assert agree() == (1, 0)
