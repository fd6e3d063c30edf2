"""How the list of a directory is divided, so that whoever asks for its middle lands there: exact, whoever comes or goes."""

import pytest

from identity import links, member_row, members, tenancy
from identity.models import Link, Member, Stretch
from tasks.jobs import scim as jobs
from tests.conftest import SETUP
from tests.scim.test_parallel_processes import address, at_once  # noqa: F401 - a fixture

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


def stretches(organization):
    with tenancy.of(organization):
        return list(Stretch.objects.order_by("first").values_list("people", flat=True))


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
