"""Signing in with a second factor, setting one up, losing it; what the record keeps, and when the door locks."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from console import lock_out
from identity import members, organizations, second_factors, sessions, tenancy
from identity.models import OutgoingMail, Session
from tests.authenticator import code_of
from tests.conftest import SETUP, join
from tests.console.conftest import entries, visit

PASSWORD = "correct horse battery"
NOON = 1_800_000_015


@pytest.fixture
def noon():
    with time_machine.travel(NOON, tick=False) as travel:
        yield travel


@pytest.fixture
def ada_with_password(ada, noon):
    members.set_password(ada, PASSWORD, actor=SETUP)
    return ada


@pytest.fixture
def app(ada_with_password, noon):
    """Give the secret and the recovery codes of ada's app."""
    offer = second_factors.offer(ada_with_password, "Rollcall")
    codes = second_factors.enrol(ada_with_password, offer.sealed, code_of(offer.secret), actor=SETUP)
    noon.shift(60)
    return offer.secret, codes


def at_the_door(next_="/o/acme/members/", client=None, **more):
    """Give a browser whose password was right."""
    client = client or Client()
    values = {"user_name": "ada@acme.example", "password": PASSWORD, "next": next_}
    answer = client.post("/sign-in", values, **more)
    assert answer.status_code == 303
    return client


def test_the_password_alone_opens_nothing(acme, app):
    client = at_the_door()
    for path in ("/o/acme/members/", "/me", "/me/second-factor", "/"):
        assert client.get(path)["Location"].startswith("/sign-in/second-step"), path
    assert client.get("/api/v1/me").status_code == 401
    assert client.post("/me/second-factor/remove", {"proof": PASSWORD}).status_code == 302
    assert entries(acme, "sign_in.succeed") == []
    assert len(entries(acme, "sign_in.start")) == 1


def test_password_and_code_lead_to_the_page_that_was_wanted_under_another_cookie(acme, app):
    client = at_the_door()
    way = client.get("/o/acme/members/")["Location"]
    before = client.cookies["rollcall_session"].value
    page = client.get(way)
    assert b"Second factor" in page.content
    answer = client.post("/sign-in/second-step", {"code": code_of(app[0]), "next": "/o/acme/members/"})
    assert answer["Location"] == "/o/acme/members/"
    assert client.cookies["rollcall_session"].value != before
    assert client.get("/o/acme/members/").status_code == 200
    assert sessions.find_begun(before) is None
    (entry,) = entries(acme, "sign_in.succeed")
    assert (entry.actor_kind, entry.outcome) == ("member", "success")


def test_a_wrong_code_is_refused_recorded_and_locks_the_door(acme, app):
    client = at_the_door()
    for _ in range(lock_out.PAIR_MAX):
        answer = client.post("/sign-in/second-step", {"code": "000000"})
        assert (answer.status_code, b"This code is not right" in answer.content) == (403, True)
    assert {entry.reason for entry in entries(acme, "sign_in.refuse")} == {"wrong_code"}
    answer = client.post("/sign-in/second-step", {"code": code_of(app[0])})
    assert b"Too many tries" in answer.content
    assert entries(acme, "sign_in.refuse")[-1].reason == "too_many_tries"
    assert entries(acme, "sign_in.succeed") == []


def test_codes_guessed_from_many_addresses_lock_the_door_too(acme, app):
    for number in range(lock_out.CODES_MAX):
        client = at_the_door(REMOTE_ADDR=f"198.51.100.{number}")
        client.post("/sign-in/second-step", {"code": "000000"}, REMOTE_ADDR=f"198.51.100.{number}")
    client = Client()
    values = {"user_name": "ada@acme.example", "password": PASSWORD}
    assert b"Too many tries" in client.post("/sign-in", values, REMOTE_ADDR="203.0.113.9").content


def test_a_recovery_code_stands_in_once(acme, app):
    client = at_the_door()
    assert client.post("/sign-in/second-step", {"code": app[1][0]}).status_code == 303
    assert len(entries(acme, "second_factor.recovery")) == 1
    again = at_the_door()
    assert again.post("/sign-in/second-step", {"code": app[1][0]}).status_code == 403


def test_whoever_waits_too_long_begins_again(app, noon):
    client = at_the_door()
    noon.shift(601)
    answer = client.post("/sign-in/second-step", {"code": code_of(app[0])})
    assert answer["Location"].startswith("/sign-in?")


def test_whoever_is_shut_out_between_the_steps_stays_out(acme, ada, app):
    join(acme, "second@acme.example", role="organization_admin")
    client = at_the_door()
    members.suspend(ada, actor=SETUP)
    answer = client.post("/sign-in/second-step", {"code": code_of(app[0])})
    assert answer["Location"].startswith("/sign-in?")
    assert entries(acme, "sign_in.succeed") == []


def test_the_second_step_never_leads_to_another_site(app):
    client = at_the_door()
    values = {"code": code_of(app[0]), "next": "https://evil.example/"}
    assert client.post("/sign-in/second-step", values)["Location"] == "/"


def test_without_a_begun_sign_in_there_is_no_second_step(acme, ada):
    assert Client().get("/sign-in/second-step")["Location"].startswith("/sign-in?")
    assert visit(ada).get("/sign-in/second-step")["Location"].startswith("/sign-in?")


def _secret_of(page) -> tuple[str, str]:
    html = page.content.decode()
    offer = re.search(r'name="offer" value="([^"]+)"', html).group(1)
    secret = re.search(r'class="rc-key-text"><code>([^<]+)<', html).group(1)
    return offer, secret


def test_an_organization_that_asks_everybody_has_them_set_one_up_at_the_door(acme, ada_with_password, noon):
    organizations.change(acme, second_factor="passwords", actor=SETUP)
    client = at_the_door()
    page = client.get("/sign-in/second-step?next=/me")
    offer, secret = _secret_of(page)
    assert b"<svg" in page.content
    wrong = client.post("/sign-in/second-step", {"offer": offer, "code": "000000", "next": "/me"})
    assert wrong.status_code == 400
    assert _secret_of(wrong) == (offer, secret), "a typing error costs no new photograph"
    shown = client.post("/sign-in/second-step", {"offer": offer, "code": code_of(secret), "next": "/me"})
    assert len(re.findall(r"<li><code>[a-z2-7]{4}(-[a-z2-7]{4}){3}</code>", shown.content.decode())) == 10
    assert client.get("/me").status_code == 200
    assert len(entries(acme, "second_factor.enrol")) == len(entries(acme, "sign_in.succeed")) == 1


def test_people_of_an_identity_provider_set_one_up_without_a_password(acme, jane, noon):
    organizations.change(acme, second_factor="everybody", actor=SETUP)
    from audit.ids import uuid7

    client = Client()
    _, client.cookies["rollcall_session"] = sessions.start(
        jane, actor=SETUP, saml=sessions.SamlOrigin(uuid7(), "jane")
    )
    way = client.get("/me")["Location"]
    assert way == "/sign-in/second-step?next=%2Fme"
    offer, secret = _secret_of(client.get(way))
    assert client.post(way, {"offer": offer, "code": code_of(secret)}).status_code == 200
    assert client.get("/me").status_code == 200


def test_a_member_sets_it_up_renews_codes_and_removes_it_with_the_password(acme, ada_with_password, noon):
    client = visit(ada_with_password)
    offer, secret = _secret_of(client.get("/me/second-factor"))
    values = {"offer": offer, "code": code_of(secret)}
    for proof in ({}, {"proof": "wrong"}):
        refused = client.post("/me/second-factor", values | proof)
        assert refused.status_code == 400
        assert second_factors.of(ada_with_password) is None
    shown = client.post("/me/second-factor", values | {"proof": PASSWORD})
    assert b"Your recovery codes" in shown.content
    assert b"10 recovery codes left" in client.get("/me/second-factor").content
    assert client.post("/me/second-factor/codes", {"proof": "wrong"}).status_code == 400
    assert b"Your recovery codes" in client.post("/me/second-factor/codes", {"proof": PASSWORD}).content
    assert client.post("/me/second-factor/remove", {"proof": "wrong"}).status_code == 400
    assert client.post("/me/second-factor/remove", {"proof": PASSWORD})["Location"] == "/me"
    assert second_factors.of(ada_with_password) is None
    assert second_factors.codes_left(ada_with_password) == 0
    with tenancy.of(acme):
        assert not OutgoingMail.objects.filter(kind="second_factor_removed").exists()
    assert b"authenticator app and its recovery codes are removed" in client.get("/me").content
    # Without one, both addresses lead back to setting one up.
    assert client.post("/me/second-factor/remove", {"proof": PASSWORD})["Location"] == "/me/second-factor"
    assert client.post("/me/second-factor/codes", {"proof": PASSWORD})["Location"] == "/me/second-factor"


def test_asking_for_the_password_again_counts_as_a_try(acme, ada_with_password):
    client = visit(ada_with_password)
    for _ in range(lock_out.PAIR_MAX):
        answer = client.post("/me/password", {"old": "wrong horse", "new": "a wholly new password"})
        assert b"not your present password" in answer.content
    answer = client.post("/me/password", {"old": PASSWORD, "new": "a wholly new password"})
    assert b"Too many tries" in answer.content
    with time_machine.travel(timezone.now() + lock_out.WINDOW + timedelta(seconds=1)):
        weak = client.post("/me/password", {"old": PASSWORD, "new": "short"})
        assert b"at least 15 characters" in weak.content
        answer = client.post("/me/password", {"old": PASSWORD, "new": "a wholly new password"})
        assert answer["Location"] == "/sign-in"


def test_an_administrator_resets_it_and_its_owner_is_written_to(acme, ada, jane, noon):
    offer = second_factors.offer(jane, "Rollcall")
    second_factors.enrol(jane, offer.sealed, code_of(offer.secret), actor=SETUP)
    client = visit(ada)
    assert b"Authenticator app" in client.get(f"/o/acme/members/{jane.pk}/").content
    path = f"/o/acme/members/{jane.pk}/second-factor/reset"
    assert b"Its owner is written to" in client.post(path, follow=True).content
    assert b"There was none to remove" in client.post(path, follow=True).content
    (entry,) = entries(acme, "second_factor.remove")
    assert entry.actor_id == str(ada.pk)
    with tenancy.of(acme):
        mail = OutgoingMail.objects.get(kind="second_factor_removed")
    assert (mail.to, "Ada" in mail.body or "ada@" in mail.body) == ("jane@acme.example", True)


def test_nobody_resets_it_for_somebody_who_may_do_more(acme, ada, app):
    manager = join(acme, "mia@acme.example", role="member_manager")
    assert visit(manager).post(f"/o/acme/members/{ada.pk}/second-factor/reset").status_code == 403
    assert second_factors.of(ada) is not None


def test_a_new_sign_in_ends_the_session_that_the_browser_had(acme, ada_with_password):
    client = visit(ada_with_password)
    before = client.cookies["rollcall_session"].value
    values = {"user_name": "ada@acme.example", "password": PASSWORD}
    assert client.post("/sign-in", values).status_code == 303
    assert client.cookies["rollcall_session"].value != before
    assert sessions.find(before) is None
    with tenancy.of(acme):
        assert Session.objects.get(end_reason="new_sign_in").ended_at is not None


def test_a_sign_in_that_waits_for_its_code_is_ended_by_the_next(acme, app):
    at_the_door(client=at_the_door())
    with tenancy.of(acme):
        assert Session.objects.get(end_reason="new_sign_in").awaits_factor


def test_a_dead_cookie_is_forgotten_at_the_door_alone(db):
    client = Client()
    client.cookies["rollcall_session"] = "nothing"
    assert "rollcall_session" not in client.get("/me").cookies
    assert client.get("/sign-in").cookies["rollcall_session"].value == ""
