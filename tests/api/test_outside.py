"""No transaction is open while somebody else's server is asked, by API or in the console; and with a key it still happens once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest
from django.db import connection as database
from django.db import connections as databases

from demo.idp_logout import idp_metadata
from identity import domains, outside, tenancy, tokens
from identity.directory_kinds import Verdict
from identity.errors import Invalid
from identity.outside import Outside
from saml import connections, fetch, fetches
from saml.models import Connection
from tests.api.client import bearer, recorded, token_of
from tests.conftest import SETUP
from tests.console.conftest import filled_from, visit
from tests.dns_server import zone  # noqa: F401 - a fixture
from tests.saml.documents import IDP
from tests.saml.door import connect
from tests.site import opened
from tests.sync import scripted
from tests.waiting import PATIENCE

PATH = "/organizations/acme/connections"
OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"


class Idp(BaseHTTPRequestHandler):
    """An identity provider that notes how many transactions wait for it."""

    def do_GET(self):
        self.server.seen()
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()
        self.wfile.write(idp_metadata(IDP))


@pytest.fixture
def site(eraser, settings, metadata_worker):
    """Give its server: `opened` lists the open transactions at each question, `before` is called with each."""
    settings.ROLLCALL_OUTBOUND_ALLOW = ("localhost",)
    with opened(Idp, opened=[], before=lambda: None) as server:

        def seen():
            server.before()
            server.opened.append(eraser.execute(OPEN).fetchone()[0])

        server.seen = seen
        yield server


def made(organization):
    with tenancy.of(organization):
        return list(Connection.objects.values_list("name", "idp_entity_id"))


@pytest.fixture(params=["with a key", "without"])
def api(request, ada):
    caller = token_of(ada)
    if request.param == "with a key":
        caller.headers["Idempotency-Key"] = "key-1"
    return caller


def test_a_connection_is_made_of_metadata_that_nobody_waited_for_in_a_transaction(acme, api, site):
    answer = api.post(PATH, {"name": "IdP", "idp_metadata_url": f"{site.root}/metadata"})
    assert (answer.status_code, answer.json()["idp_entity_id"]) == (201, IDP.entity_id)
    assert answer.json()["idp_metadata_url"] == f"{site.root}/metadata"
    assert site.opened == [0]


def test_sent_again_it_is_answered_as_before_and_nobody_is_asked(acme, ada, site):
    caller = token_of(ada)
    caller.headers["Idempotency-Key"] = "key-1"
    first, second = (
        caller.post(PATH, {"name": "IdP", "idp_metadata_url": f"{site.root}/metadata"}) for _ in range(2)
    )
    assert first.json() == second.json()
    assert second["Idempotency-Replayed"] == "true"
    assert site.opened == [0]
    assert len(recorded(acme, "connection.create")) == 1


def test_who_sends_the_same_while_the_first_still_asks_makes_it_and_the_first_hears_that(
    acme, ada, site, monkeypatch
):
    # The first one asks for as long as the machine takes for the second.
    monkeypatch.setattr(fetch, "SECONDS_MAX", PATIENCE)
    monkeypatch.setattr(fetches, "ANSWERED_SECONDS_MAX", PATIENCE)
    secret = tokens.issue(ada, actor=SETUP, scopes=["connections.write", "connections.read"])[1]
    asked, go_on = threading.Event(), threading.Event()

    def wait_once():
        if not asked.is_set():
            asked.set()
            go_on.wait(PATIENCE)

    site.before = wait_once

    def call():
        try:
            caller = bearer(secret)
            caller.headers["Idempotency-Key"] = "key-1"
            return caller.post(PATH, {"name": "IdP", "idp_metadata_url": f"{site.root}/metadata"})
        finally:
            databases.close_all()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call)
        assert asked.wait(PATIENCE)
        second = call()
        go_on.set()
        first = waiting.result(PATIENCE)
    assert site.opened == [0, 0]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert ("Idempotency-Replayed" in second, first["Idempotency-Replayed"]) == (False, "true")
    assert made(acme) == [("IdP", IDP.entity_id)]
    assert len(recorded(acme, "connection.create")) == 1


def test_what_cannot_be_loaded_is_refused_and_tried_again(acme, api, site):
    for asked in (1, 2):
        answer = api.post(PATH, {"name": "IdP", "idp_metadata_url": f"{site.root}/missing"})
        assert (answer.status_code, answer.json()["field"]) == (400, "idp_metadata_url")
        assert len(site.opened) == asked
    assert made(acme) == []
    bad = api.post(PATH, {"name": "IdP", "idp_metadata_url": "ftp://x"})
    assert (bad.status_code, bad.json()["field"]) == (400, "idp_metadata_url")


def test_metadata_is_read_again_outside(acme, api, site):
    found = connect(acme)
    connections.change(found, idp_metadata_url=f"{site.root}/metadata", actor=SETUP)
    site.opened.clear()
    answer = api.post(f"{PATH}/{found.pk}/refresh")
    assert (answer.status_code, answer.json()["held"]) == (200, "")
    assert site.opened == [0]


def test_settings_are_verified_outside_and_anew_each_time(acme, ada, site):
    caller = token_of(ada)
    caller.headers["Idempotency-Key"] = "key-1"
    for _ in range(2):
        answer = caller.post(f"{PATH}/verify", {"idp_metadata_url": f"{site.root}/metadata"})
        assert (answer.status_code, "Idempotency-Replayed" in answer) == (200, False)
    assert site.opened == [0, 0]


def test_in_the_console_too(acme, ada, site):
    browser = visit(ada)
    form = filled_from(browser, "/o/acme/connections/new")
    form |= {"name": "IdP", "idp_metadata_url": f"{site.root}/metadata", "defaults": "none"}
    shown = browser.post("/o/acme/connections/new", form | {"act": "verify"})
    assert (shown.status_code, IDP.entity_id.encode() in shown.content) == (200, True)
    saved = browser.post("/o/acme/connections/new", form)
    assert saved.status_code == 303
    assert made(acme) == [("IdP", IDP.entity_id)]
    there = saved["Location"].rstrip("/") + "/settings"
    form = filled_from(browser, there)
    refused = browser.post(there, form | {"idp_metadata_url": f"{site.root}/missing"})
    assert refused.status_code == 400
    assert b"cannot be loaded" in refused.content
    assert site.opened == [0, 0, 0]


def test_a_directory_is_tested_outside_and_anew_each_time(acme, ada, monkeypatch):
    scripted.install(monkeypatch)
    pull = scripted.pull_of(acme)
    within = []

    def test(_self):
        within.append(database.in_atomic_block)
        return Verdict(ok=True, sentence="It answers.")

    monkeypatch.setattr(scripted.ScriptedConnector, "test", test)
    scripted.install(monkeypatch)
    caller = token_of(ada)
    caller.headers["Idempotency-Key"] = "key-1"
    path = f"directories/{pull.directory_id}/test"
    for _ in range(2):
        answer = caller.post(f"/organizations/acme/{path}")
        assert (answer.json()["ok"], "Idempotency-Replayed" in answer) == (True, False)
    assert b"It answers." in visit(ada).post(f"/o/acme/{path}").content
    assert within == [False, False, False]


def test_dns_is_asked_outside(acme, api, ada, zone, eraser):  # noqa: F811 - the fixture
    claimed = domains.claim(acme, "acme.example", actor=SETUP)
    opened = []
    publish = zone.text
    publish("_rollcall-challenge.acme.example", f'"{claimed.challenge}"')
    reply = zone.replies["_rollcall-challenge.acme.example"]

    def noted(query, protocol):
        opened.append(eraser.execute(OPEN).fetchone()[0])
        return reply(query, protocol)

    zone.replies["_rollcall-challenge.acme.example"] = noted
    assert api.post(f"/organizations/acme/domains/{claimed.pk}/check", {}).json()["proof"] == "dns"
    other = domains.claim(acme, "other.example", actor=SETUP)
    zone.replies["_rollcall-challenge.other.example"] = noted
    assert visit(ada).post(f"/o/acme/domains/{other.pk}/check").status_code == 303
    assert opened == [0, 0]


def test_asking_within_a_transaction_is_a_bug_and_not_done(acme):
    asked = []
    question = Outside(lambda: asked.append(1), lambda outcome: outcome())
    with tenancy.of(acme), pytest.raises(outside.WithinTransactionError):
        question.outcome()
    assert asked == []


def test_the_outcome_is_what_was_found_or_the_refusal():
    def refuse():
        raise Invalid("No.", field="x")

    assert Outside(lambda: 7, lambda outcome: outcome()).outcome()() == 7
    outcome = Outside(refuse, lambda outcome: outcome()).outcome()
    with pytest.raises(Invalid):
        outcome()
