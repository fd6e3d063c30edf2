"""The sign-in log: filters, files, and forgetting what was brought."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.db.models import Q
from django.utils import timezone

from audit.models import Detail
from identity import looking, members, sessions, tenancy
from identity.models import Session
from saml import attempt_details, sign_in_log
from saml.models import Attempt
from tasks.jobs import sign_ins
from tests.api.client import csv_of, jsonl_of, token_of
from tests.conftest import SETUP
from tests.console.conftest import visit
from tests.saml.door import Browser, connect, entries, prove

pytestmark = pytest.mark.usefixtures("db")
PATH = "/organizations/acme/sign-ins"


@pytest.fixture
def api(acme, ada):
    """Give a log with a good sign-in, a failed one through another connection, and one that never came back."""
    prove(acme, "acme.example")
    first, second = Browser(connect(acme)), Browser(connect(acme, name="Second", idp_preset="okta"))
    assert first.sign_in().status_code == 303
    bob = {"name_id": "bob@acme.example", "attributes": {"email": "=bob@acme.example"}}
    second.sign_in(audience="https://typo.example", **bob)
    first.begin()
    api = token_of(ada)
    api.connections = first.connection, second.connection
    return api


def outcomes(api, **query):
    return [item["outcome"] for item in api.get(PATH, **query).json()["items"]]


def test_filters_narrow_and_combine(api):
    first, second = (str(connection.pk) for connection in api.connections)
    assert outcomes(api) == ["succeeded", "failed", "open"]
    assert outcomes(api, connection=second) == ["failed"]
    assert outcomes(api, person="JANE@") == ["succeeded"]
    assert outcomes(api, person="jane@", connection=second) == []
    assert outcomes(api, purpose="test") == []
    assert outcomes(api, outcome="open", connection=first) == ["open"]
    later = (timezone.now() + timedelta(minutes=1)).isoformat()
    assert outcomes(api, since=later) == []
    assert outcomes(api, until=later) == ["succeeded", "failed", "open"]
    assert outcomes(api, person="%") == []
    begun = api.get(PATH).json()["items"][1]["started_at"]
    assert (outcomes(api, since=begun), outcomes(api, until=begun)) == (["failed", "open"], ["succeeded"])


@pytest.mark.parametrize(
    "query",
    [{"since": "yesterday"}, {"connection": "x"}, {"purpose": "x"}, {"colour": "red"}],
)
def test_a_filter_that_is_none_is_refused(api, query):
    assert api.get(PATH, **query).status_code == 400
    assert api.get(f"{PATH}.csv", **query).status_code == 400


def test_a_file_tells_what_failed_and_where_to_click_and_is_recorded(acme, api):
    [row] = csv_of(api.get(f"{PATH}.csv", outcome="failed"))
    assert (row["code"], row["connection_name"], row["detail"]) == (
        "audience",
        "Second",
        "https://typo.example",
    )
    assert "Audience URI" in row["where"]
    assert row["steps"].endswith("refused: audience")
    lines = jsonl_of(api.get(f"{PATH}.jsonl"))
    assert [line["outcome"] for line in lines] == ["succeeded", "failed", "open"]
    assert not any("attributes" in line for line in lines)
    first, second = entries(acme, "sign_in.download")
    with tenancy.of(acme):
        data = [Detail.objects.get(pk=entry.pk).body["data"] for entry in (first, second)]
    assert [(each["format"], each["filters"]) for each in data] == [
        ("csv", {"outcome": "failed"}),
        ("jsonl", {}),
    ]


def test_no_cell_of_a_file_runs_in_a_spreadsheet(acme, api):
    with tenancy.change(acme):
        from audit.events import Event
        from audit.record import Subject, record

        Attempt.objects.filter(outcome="failed").update(user_name="=cmd()")
        record(Event.SIGN_IN_REFUSE, organization_id=acme.pk, actor=SETUP, subject=Subject("sign_in", "x"))
    text = b"".join(api.get(f"{PATH}.csv").streaming_content).decode()
    assert "'=cmd()" in text


def test_files_are_for_whoever_may_read_connections(acme, ada, gus, api):
    assert token_of(ada, "members.read").get(f"{PATH}.csv").status_code == 403
    assert token_of(gus).get(f"{PATH}.csv").status_code == 404
    assert len(entries(acme, "sign_in.download")) == 0


def test_the_console_filters_and_hands_out_files(acme, ada, api):
    client = visit(ada)
    page = client.get("/o/acme/sign-ins/?person=jane").content.decode()
    assert page.count("rc-strong") == 1
    assert 'href="?person=jane&amp;outcome=failed"' in page
    assert 'href="?person=jane" aria-current="true"' in page
    through = client.get(f"/o/acme/sign-ins/?connection={api.connections[1].pk}").content.decode()
    assert "audience" in through
    assert len(csv_of(client.get("/o/acme/sign-ins.csv?outcome=failed"))) == 1
    assert client.get("/o/acme/sign-ins.csv?since=x").status_code == 404
    assert client.get("/o/acme/sign-ins/?since=x").status_code == 400
    assert len(entries(acme, "sign_in.download")) == 1


def test_from_a_failed_sign_in_it_is_one_step_to_the_member_and_back(acme, ada, jane):
    prove(acme, "acme.example")
    members.suspend(jane, actor=SETUP)
    Browser(connect(acme)).sign_in()
    with tenancy.of(acme):
        attempt = Attempt.objects.get(organization=acme, code="user_inactive")
    client, person = visit(ada), f"/o/acme/members/{jane.pk}/"
    page = client.get(f"/o/acme/sign-ins/{attempt.pk}/").content.decode()
    assert f'<a href="{person}">Jane Jones</a>' in page
    assert "Suspended" in page
    log = "/o/acme/sign-ins/?person=jane%40acme.example"
    assert log in client.get(person).content.decode()
    assert "user_inactive" in client.get(log).content.decode()


def brought(acme):
    with tenancy.of(acme):
        rows = Attempt.objects.filter(organization=acme).order_by("started_at")
        return [
            (bool(attempt_details.name_id_of(row)), bool(attempt_details.attributes_of(row))) for row in rows
        ]


def test_what_was_brought_is_forgotten_in_time_and_the_line_stays(acme, settings):
    prove(acme, "acme.example")
    strict = Browser(connect(acme, join="invited"))
    strict.sign_in()
    assert brought(acme) == [(True, True)]
    assert sign_ins.forget_details() == 0
    with time_machine.travel(
        timezone.now() + timedelta(days=settings.ROLLCALL_SIGN_IN_DETAIL_DAYS, minutes=1)
    ):
        assert sign_ins.forget_details() == 1
        assert sign_ins.forget_details() == 0
    assert brought(acme) == [(False, False)]
    with tenancy.of(acme):
        assert Attempt.objects.get().code == "not_invited"


def test_a_session_that_is_open_keeps_the_name_that_signs_it_out(acme, settings):
    prove(acme, "acme.example")
    Browser(connect(acme)).sign_in()
    then = timezone.now() + timedelta(days=settings.ROLLCALL_SIGN_IN_DETAIL_DAYS, minutes=1)
    with time_machine.travel(then):
        assert sign_ins.forget_details() == 0
        with tenancy.of(acme):
            session = Session.objects.select_related("member").get(organization=acme)
        sessions.end(session, actor=SETUP, reason="test")
        assert sign_ins.forget_details() == 1
    assert brought(acme) == [(False, False)]


@pytest.fixture
def long_log(acme, eraser, monkeypatch):
    """Give a log of 3,000 sign-ins of which pages look through 500 at a time: the 50 that failed are the oldest."""
    connection = connect(acme)
    eraser.execute("SET session_replication_role = replica")
    eraser.execute(
        """
        INSERT INTO saml_attempt (id, organization_id, connection_id, purpose, outcome, request_id, target, force_authn, authn_contexts,
                                  user_name, code, detail, steps, signed_by, ip, user_agent, started_at, expires_at, finished_at)
        SELECT uuidv7(- interval '1 minute' * (3000 - n / 2)), %s, %s, 'login', CASE WHEN n < 50 THEN 'failed' ELSE 'succeeded' END, n,
               '', false, '{}', 'p' || n || '@acme.example', CASE WHEN n < 50 THEN 'audience' ELSE '' END, '', '[]', '', '', '',
               now() - interval '1 minute' * (3000 - n / 2), now(), now()
          FROM generate_series(0, 2999) AS n
        """,
        [acme.pk, connection.pk],
    )
    eraser.execute("SET session_replication_role = origin")
    eraser.execute("ANALYZE saml_attempt, saml_connection")
    monkeypatch.setattr(looking, "ROWS", 500)
    return acme


CHOSEN = {
    "of one name": ({"person": "p7@"}, 1),
    "by code": ({"code": "audience"}, 50),
    "of nobody": ({"person": "nobody"}, 0),
    "by outcome": ({"outcome": "failed"}, 50),
    "by outcome and name": ({"outcome": "failed", "person": "p1"}, 11),
    "everybody": ({}, 3000),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_a_long_log_is_read_to_its_end_a_part_at_a_time(ada, long_log, case):
    query, expected = CHOSEN[case]
    api, seen, after = token_of(ada), [], {}
    while after is not None:
        body = api.get(PATH, **query, **after, limit=200).json()
        seen += [item["id"] for item in body["items"]]
        after = {"after": body["next"]} if body["next"] else None
    assert len(seen) == len(set(seen)) == expected
    assert seen == sorted(seen)
    assert len(csv_of(api.get(f"{PATH}.csv", **query))) == expected
    wanted = sign_in_log.Filter(**query)
    with tenancy.of(long_log):
        # Two of a moment stand in the log, and such a page ends between them.
        latest, place = sign_in_log.latest(long_log, wanted, 199)
        while place is not None:
            found, place = sign_in_log.latest(long_log, wanted, 199, place)
            latest += found
    assert len(latest) == expected
    assert [(row.started_at, row.pk) for row in latest] == sorted(
        ((row.started_at, row.pk) for row in latest), reverse=True
    )


def rows_read(rows):
    """Return how many rows the busiest node of the plan goes through."""

    def most(node):
        own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        return max([own, *(most(each) for each in node.get("Plans", []))])

    return most(json.loads(rows.explain(analyze=True, format="json", timing=False))[0]["Plan"])


def test_no_page_goes_through_the_whole_log(long_log, jane):
    wanted = sign_in_log.Filter(outcome="failed")
    mine = Attempt.objects.filter(organization=long_log, member=jane).order_by("-pk")[:500]
    theirs = Attempt.objects.filter(organization=long_log, member__isnull=True, user_name="p7@acme.example")
    test = Attempt.objects.filter(organization=long_log, connection__name="The company's IdP", purpose="test")
    with tenancy.of(long_log):
        deep = Attempt.objects.filter(organization=long_log).order_by("started_at", "id")[1500]
        place = (deep.started_at, deep.pk)
        asked = {
            "failed": sign_in_log.rows(long_log, wanted).order_by("-started_at", "-id")[:51],
            "deep": sign_in_log.earlier(sign_in_log.rows(long_log, sign_in_log.Filter()), place).order_by("-started_at", "-id")[:51],
            "mine": mine, "theirs": theirs, "test": test.order_by("-started_at", "-id"),
        }  # fmt: skip
        assert {name: rows_read(rows) for name, rows in asked.items() if rows_read(rows) > 60} == {}
    with tenancy.everywhere("as the job that forgets details"):
        kept = Attempt.objects.filter(finished_at__lt=timezone.now()).filter(
            Q(attributes_sealed__isnull=False) | Q(name_id_sealed__isnull=False)
        )
        assert rows_read(kept.order_by("finished_at")[:10]) == 0
