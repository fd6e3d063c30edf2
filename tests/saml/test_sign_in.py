"""Signing in over HTTP: who comes in, as whom, with what, and what is written down."""

import pytest
from django.conf import settings

from demo.idp_messages import respond
from identity import roles
from saml.models import Attempt
from tests.conftest import SETUP, join
from tests.saml.door import (
    Browser,
    attempts_of,
    connect,
    entries,
    last_attempt,
    open_sessions,
    people,
    prove,
    refused,
    session_cookie,
)

pytestmark = pytest.mark.usefixtures("db")


def test_a_newcomer_is_made_and_signed_in(acme, browser):
    response = browser.sign_in("?next=/members")
    assert (response.status_code, response["Location"]) == (303, "/members")
    assert session_cookie(response)
    [jane] = people(acme)
    assert (jane.user_name, jane.email, jane.display_name) == (
        "jane@acme.example",
        "jane@acme.example",
        "Jane Jones",
    )
    attempt = last_attempt(acme)
    assert (attempt.outcome, attempt.member_id, attempt.code) == (Attempt.Outcome.SUCCEEDED, jane.pk, "")
    [session] = open_sessions(acme)
    assert (session.member_id, session.session_index, session.pk) == (
        jane.pk,
        "_session-1",
        attempt.session_id,
    )
    assert [len(entries(acme, event)) for event in ("sign_in.start", "member.create", "member.link")] == [
        1,
        1,
        1,
    ]
    [entry] = entries(acme, "sign_in.succeed")
    assert (entry.actor_kind, entry.subject_id, entry.source) == ("connection", str(attempt.pk), "saml")


def test_the_cookie_opens_the_session_and_the_login_cookie_goes(browser):
    response = browser.sign_in()
    assert browser.client.get("/api/v1/me").json()["member"]["user_name"] == "jane@acme.example"
    gone = [
        name
        for name, morsel in response.cookies.items()
        if name.startswith("rollcall_login") and not morsel.value
    ]
    assert len(gone) == 1


def test_other_domains_come_in_where_the_administrator_allows_them(acme):
    browser = Browser(connect(acme, allow_other_domains=True))
    assert browser.sign_in(name_id="x@any.example", attributes={"email": "x@any.example"}).status_code == 303


def test_only_invited_people_come_in_where_the_connection_says_so(acme):
    prove(acme, "acme.example")
    browser = Browser(connect(acme, join="invited"))
    refused(browser.sign_in(), acme, "not_invited")
    join(acme, "jane@acme.example")
    assert browser.sign_in().status_code == 303


def test_an_invitation_opens_the_door_and_brings_its_roles(acme):
    from identity import invitations

    browser = Browser(connect(acme, join="invited"))
    invitations.create(acme, "jane@acme.example", actor=SETUP, access={"roles": ["auditor"]})
    assert browser.sign_in().status_code == 303
    assert roles.names_of(people(acme)[0]) == ["auditor"]


def test_the_session_ends_no_later_than_the_identity_providers(acme, browser):
    browser.sign_in(session_seconds=600)
    [session] = open_sessions(acme)
    assert 590 <= (session.expires_at - session.started_at).total_seconds() <= 600


def test_idp_initiated_sign_in_goes_to_a_path_of_ours_only(acme):
    prove(acme, "acme.example")
    browser = Browser(connect(acme, allow_idp_initiated=True))
    document = respond(browser.idp, browser.answer(None))
    assert browser.post(document, RelayState="/members?x=1")["Location"] == "/members?x=1"
    assert last_attempt(acme).outcome == Attempt.Outcome.SUCCEEDED
    refused(browser.post(document), acme, "replay")
    whole = f"{settings.ROLLCALL_PUBLIC_URL}/members?x=1"
    again = browser.post(respond(browser.idp, browser.answer(None)), RelayState=whole)
    assert again["Location"] == "/members?x=1"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/x\r\nSet-Cookie: a=b",
        "/" + "x" * 10_000,
        "\\/evil.example",
        "///evil.example",
        f"{settings.ROLLCALL_PUBLIC_URL}.evil.example/",
        f"{settings.ROLLCALL_PUBLIC_URL}//evil.example",
        f"{settings.ROLLCALL_PUBLIC_URL}/saml2/0190/login",
    ],
    ids=lambda value: f"row-56 {value[-20:]!r}",
)
def test_a_target_elsewhere_is_ignored(acme, target):
    prove(acme, "acme.example")
    browser = Browser(connect(acme, allow_idp_initiated=True))
    response = browser.post(respond(browser.idp, browser.answer(None)), RelayState=target)
    assert (response.status_code, response["Location"]) == (303, "/")
    started = browser.client.get(browser.path("login"), {"next": target})
    assert started.status_code == 302
    assert last_attempt(acme).target == ""


def test_an_inactive_or_unfinished_connection_signs_nobody_in(acme):
    from saml import connections

    connection = connect(acme, active=False)
    browser = Browser(connection)
    refused(browser.client.get(browser.path("login")), acme, "connection_inactive")
    refused(browser.post(respond(browser.idp, browser.answer(None))), acme, "connection_inactive")
    empty = Browser(connections.create(acme, name="empty", actor=SETUP))
    refused(empty.client.get(empty.path("login")), acme, "not_configured")


def test_a_connection_that_does_not_exist_is_404(db):
    from django.test import Client

    for name in ("metadata", "login", "acs", "sls"):
        url = f"/saml2/01900000-0000-7000-8000-000000000000/{name}"
        assert Client().get(url).status_code in {404, 405}
        assert Client().post(url, {}).status_code in {404, 405}


def test_the_login_cookie_is_bound_as_browsers_need_it(browser):
    browser.begin()
    [morsel] = [
        morsel for name, morsel in browser.client.cookies.items() if name.startswith("rollcall_login")
    ]
    assert morsel["httponly"]
    assert (morsel["samesite"], morsel["secure"]) == ("", "")
    settings.SESSION_COOKIE_SECURE = True
    try:
        browser.begin()
    finally:
        settings.SESSION_COOKIE_SECURE = False
    [morsel] = [
        morsel for name, morsel in browser.client.cookies.items() if name.startswith("__Host-rollcall_login")
    ]
    assert (morsel["samesite"], morsel["secure"], morsel["path"]) == ("None", True, "/")


def test_an_attempt_that_never_comes_back_is_open(acme, browser):
    browser.begin()
    [attempt] = attempts_of(acme)
    assert (attempt.outcome, attempt.code) == (Attempt.Outcome.OPEN, "")
