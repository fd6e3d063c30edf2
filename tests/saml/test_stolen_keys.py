"""Row 64: a stolen key signs well, so its use is seen, it can be taken away at once, and what came in by it is ended."""

import pytest

from audit.record import record_all
from demo.idp_keys import key_pair
from demo.idp_messages import TestIdp
from identity import credential_ends, members, sessions, tenancy
from identity.models import Member, OutgoingMail, Session
from tests.api.client import token_of
from tests.conftest import SETUP, join
from tests.console.conftest import visit
from tests.saml.documents import IDP
from tests.saml.door import Browser, attempts_of, connect, entries, last_attempt, prove, refused

pytestmark = pytest.mark.usefixtures("db")
MANY = """
INSERT INTO identity_session (id, organization_id, digest, member_id, epoch, connection_id, session_index, awaits_factor, started_at,
  seen_at, expires_at, end_reason, ip, user_agent)
SELECT id, %s, sha256(id::text::bytea), %s, 0, %s, '', false, now(), now(), now() + interval '1 day', '', '', ''
  FROM (SELECT uuidv7() AS id, n FROM generate_series(1, %s) AS n) AS made
"""
STOLEN = TestIdp(keys=key_pair("next"))


@pytest.fixture
def browser(acme, ada):
    prove(acme, "acme.example")
    both = [IDP.keys.certificate_pem, STOLEN.keys.certificate_pem]
    return Browser(connect(acme, certificates=both))


def letters(acme):
    with tenancy.of(acme):
        return [mail.to for mail in OutgoingMail.objects.filter(kind="key_first_used")]


def test_row_64_the_first_use_of_a_key_is_told_and_each_sign_in_shows_its_key(acme, browser, ada):
    browser.sign_in()
    browser.sign_in()
    assert len(entries(acme, "connection.key_used")) == 1
    assert letters(acme) == [], "the connection's very first key is no news"
    attacker = Browser(browser.connection, idp=STOLEN)
    attacker.sign_in()
    assert len(entries(acme, "connection.key_used")) == 2
    assert letters(acme) == ["ada@acme.example"]
    signed_by = [attempt.signed_by for attempt in attempts_of(acme)]
    assert signed_by[0] == signed_by[1] != signed_by[2]
    assert any(step["step"] == f"first use of the key {signed_by[2]}" for step in last_attempt(acme).steps)
    path = f"/organizations/acme/connections/{browser.connection.pk}"
    shown = token_of(ada).get(path).json()["idp_certificates"]
    assert all(certificate["first_used_at"] for certificate in shown)


def test_row_64_a_key_taken_away_counts_at_once_and_its_sessions_end(acme, browser, ada):
    attacker = Browser(browser.connection, idp=STOLEN)
    attacker.sign_in()
    here, _ = sessions.start(ada, actor=SETUP)
    path = f"/organizations/acme/connections/{browser.connection.pk}"
    api = token_of(ada)
    api.patch(path, {"certificates": [IDP.keys.certificate_pem]})
    refused(attacker.sign_in(), acme, "assertion_signature")
    assert attacker.client.get("/me").status_code == 200
    assert api.delete(f"{path}/sessions").json() == {"ended": 1}
    assert attacker.client.get("/me").status_code == 302
    assert api.delete(f"{path}/sessions").json() == {"ended": 0}
    assert len(entries(acme, "session.end")) == 1
    with tenancy.of(acme):
        here.refresh_from_db()
    assert here.ended_at is None


def test_row_64_whoever_the_directory_shut_out_stays_out_of_a_golden_response(acme, browser):
    attacker = Browser(browser.connection, idp=STOLEN)
    attacker.sign_in()
    with tenancy.of(acme):
        jane = Member.objects.get(user_name="jane@acme.example")
    members.suspend(jane, actor=SETUP)
    refused(attacker.sign_in(), acme, "user_inactive")


def test_sessions_of_a_connection_are_ended_on_its_page_by_whoever_may(acme, browser, ada):
    browser.sign_in()
    path = f"/o/acme/connections/{browser.connection.pk}/sessions/end"
    auditor = visit(join(acme, "aud@acme.example", role="auditor"))
    assert auditor.post(path).status_code == 403
    answer = visit(ada).post(path, follow=True)
    assert b"1 sessions that came through" in answer.content
    assert browser.client.get("/me").status_code == 302


def test_very_many_sessions_are_ended_turn_by_turn(acme, browser, ada, eraser, monkeypatch):
    eraser.execute("SET session_replication_role = replica")
    eraser.execute(MANY, [acme.pk, ada.pk, browser.connection.pk, 70])
    eraser.execute("SET session_replication_role = origin")
    turns = []
    monkeypatch.setattr(credential_ends, "_AT_ONCE", 20)
    monkeypatch.setattr(
        credential_ends, "record_all", lambda lines: turns.append(len(record_all(list(lines))))
    )
    path = f"/organizations/acme/connections/{browser.connection.pk}/sessions"
    assert token_of(ada).delete(path).json() == {"ended": 70}
    assert turns == [20, 20, 20, 10, 0]
    assert len(entries(acme, "session.end")) == 70
    with tenancy.of(acme):
        assert not Session.objects.filter(connection_id=browser.connection.pk, ended_at=None).exists()
