"""However long the log of requests is, nobody reads it to its end for one person, for a page or for the doctor."""

import json
from uuid import UUID

import pytest
from django.db import connection

from audit import sequencer
from identity import looking, members, tenancy
from identity.erasure import erase
from identity.models import Member
from scim import doctor
from scim.models import LoggedRequest
from tests.api.client import token_of
from tests.conftest import SETUP
from tests.console.conftest import visit
from tests.console.test_many import most_gone_through
from tests.scim.talk import Scim

REQUESTS = 3000
SOME = 40
# What a page looks through and shows, and a few of everything else that there is.
MOST = 8 * SOME
# Between those of one person, some of which are here already, those of everybody else.
THEM = """
INSERT INTO scim_loggedrequest (id, organization_id, directory_id, token_id, happened_at, method, path, resource_id, status, code,
  duration_us, warnings, client, user_agent, request_id, exchange)
SELECT uuidv7(), organization_id, directory_id, token_id, now(), CASE WHEN n %% 2 = 0 THEN 'GET' ELSE 'PATCH' END, '/Users/x',
       gen_random_uuid(), 200, '', 1, '[]', '', 'curl', gen_random_uuid()::text, exchange
  FROM scim_loggedrequest, generate_series(1, %s) AS n WHERE method = 'POST' LIMIT %s
"""


@pytest.fixture
def ines(acme, okta, ada, eraser, monkeypatch):
    """Give somebody of whom a long log tells little: first who they are, and at the end that they changed."""
    idp = Scim(okta)
    ines = idp.create("ines")["id"]
    eraser.execute("SET session_replication_role = replica")
    eraser.execute(THEM, [REQUESTS, REQUESTS])
    eraser.execute("SET session_replication_role = origin")
    idp.get(f"/Users/{ines}")
    sequencer.run()
    eraser.execute("VACUUM (FULL, ANALYZE) scim_loggedrequest")
    eraser.execute("ANALYZE")
    monkeypatch.setattr(looking, "ROWS", SOME)
    monkeypatch.setattr(doctor, "REQUESTS_MAX", SOME)
    with connection.cursor() as cursor:
        # As on a disk without arms: in a table of any size, an index is then worth its while.
        cursor.execute("SET random_page_cost = 1.1")
    return ines


def test_what_was_sent_about_one_person_is_found_at_once(acme, okta, ada, ines):
    client, api = visit(ada), token_of(ada)
    address = f"/o/acme/directories/{okta.directory.pk}/requests/?person=ines"
    answer, most = most_gone_through(lambda: client.get(address))
    assert most <= MOST
    assert (f"/Users/{ines}" in _text(answer), "Nothing found" in _text(answer)) == (True, False)
    path = f"/organizations/acme/directories/{okta.directory.pk}/requests"
    answer, most = most_gone_through(lambda: api.get(path, resource_id=ines))
    assert most <= MOST
    assert ([each["method"] for each in answer.json()["items"]], answer.json()["next"]) == (
        ["GET", "POST"],
        None,
    )


def test_a_thing_of_which_very_much_is_told_is_read_page_by_page(acme, okta, ada, ines, eraser):
    eraser.execute("UPDATE scim_loggedrequest SET resource_id = %s WHERE method = 'PATCH'", [ines])
    eraser.execute("ANALYZE scim_loggedrequest")
    api, after, found = token_of(ada), {}, 0
    path = f"/organizations/acme/directories/{okta.directory.pk}/requests"
    while after is not None:
        answer, most = most_gone_through(
            lambda after=after: api.get(path, resource_id=ines, method="PATCH", limit=200, **after)
        )
        assert most <= MOST
        found += len(answer.json()["items"])
        after = {"after": answer.json()["next"]} if answer.json()["next"] else None
    assert found == REQUESTS / 2


def test_a_timeline_finds_the_requests_that_it_names(acme, okta, ada, ines):
    answer, most = most_gone_through(lambda: visit(ada).get(f"/o/acme/members/{ines}/timeline"))
    assert most <= MOST
    assert "POST /Users" in _text(answer)


def test_erasing_a_person_reads_no_other_requests(acme, okta, ada, ines):
    with tenancy.of(acme):
        member = Member.objects.get(pk=ines)
    members.offboard(member, actor=SETUP)
    led_by = []

    def explained(execute, sql, parameters, many, context):
        if sql.startswith('DELETE FROM "scim_loggedrequest"'):
            execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters, many, context)
            led_by.extend(_read(context["cursor"].fetchone()[0][0]["Plan"]))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(explained):
        erase(member, actor=SETUP)
    assert set(led_by) == {"logged_request_about", "logged_request_change", "scim_loggedrequest_pkey"}
    with tenancy.of(acme):
        assert not LoggedRequest.objects.filter(resource_id=UUID(ines)).exists()
        assert LoggedRequest.objects.count() == REQUESTS


def test_the_doctor_looks_at_the_latest_and_says_since_when(acme, okta, ada, ines):
    client, api = visit(ada), token_of(ada)
    answer, most = most_gone_through(lambda: client.get(f"/o/acme/directories/{okta.directory.pk}/doctor"))
    assert most <= MOST
    assert f"the latest {SOME} requests" in _text(answer)
    answer, most = most_gone_through(
        lambda: api.get(f"/organizations/acme/directories/{okta.directory.pk}/doctor")
    )
    assert most <= MOST
    told = json.loads(answer.content)
    assert sum(each["requests"] for each in told["clients"]) == SOME
    assert told["since"] > _first_logged(acme)


def test_the_settings_look_among_the_latest_for_who_calls(acme, okta, ada, ines):
    address = f"/o/acme/directories/{okta.directory.pk}/settings"
    answer, most = most_gone_through(lambda: visit(ada).get(address))
    assert most <= MOST
    assert okta.directory.name in _text(answer)


def _text(answer):
    return answer.content.decode()


def _read(node):
    """Give by what each node reads the log: an index, or None for all of it."""
    if "scim_loggedrequest" in (node.get("Relation Name"), node.get("Alias")) and "Operation" not in node:
        yield node.get("Index Name")
    for inner in node.get("Plans", ()):
        yield from _read(inner)


def _first_logged(organization):
    with tenancy.of(organization):
        return LoggedRequest.objects.order_by("pk").values_list("happened_at", flat=True)[0].isoformat()
