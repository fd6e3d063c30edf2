"""Signing in over HTTP: who comes in, as whom, with what, and what is written down."""

import pytest
from django.conf import settings

from demo.idp_messages import respond
from identity import members, roles, tenancy
from identity.models import Member, Session
from saml import subjects
from saml.models import Attempt, SubjectLink
from saml.names import NAMEID_PERSISTENT, NAMEID_TRANSIENT
from tests.conftest import SETUP, join
from tests.saml.door import (
    Browser,
    attempts_of,
    connect,
    entries,
    last_attempt,
    prove,
    refused,
    session_cookie,
)

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def connection(acme):
    prove(acme, "acme.example")
    return connect(acme)


@pytest.fixture
def browser(connection):
    return Browser(connection)


def people(organization):
    with tenancy.of(organization):
        return list(Member.objects.filter(organization=organization).order_by("created_at"))


def open_sessions(organization):
    with tenancy.of(organization):
        return list(Session.objects.filter(organization=organization, ended_at__isnull=True))


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


def test_the_second_sign_in_finds_the_member_by_name_id_alone(acme, browser):
    browser.sign_in(name_id="00u1", name_id_format=NAMEID_PERSISTENT)
    response = browser.sign_in(
        name_id="00u1", name_id_format=NAMEID_PERSISTENT, attributes={"email": "other@acme.example"}
    )
    assert response.status_code == 303
    [jane] = people(acme)
    assert jane.email == "jane@acme.example"


def test_a_member_of_the_directory_is_linked_by_user_name(acme, browser, jane):
    assert browser.sign_in().status_code == 303
    assert people(acme) == [jane]
    with tenancy.of(acme):
        assert SubjectLink.objects.get(organization=acme).member_id == jane.pk


def test_a_member_is_linked_by_the_e_mail_of_a_proved_domain(acme, browser):
    jane = join(acme, "jjones", emails=[{"value": "jane@acme.example", "primary": True}])
    assert browser.sign_in(name_id="G-1", name_id_format=NAMEID_PERSISTENT).status_code == 303
    assert people(acme) == [jane]


def test_an_e_mail_outside_the_proved_domains_links_nobody(acme, browser):
    join(acme, "jjones", emails=[{"value": "jane@other.example", "primary": True}])
    response = browser.sign_in(
        name_id="G-1", name_id_format=NAMEID_PERSISTENT, attributes={"email": "jane@other.example"}
    )
    refused(response, acme, "domain_not_verified")


def test_an_e_mail_of_two_members_matches_neither(acme, browser):
    for name in ("jane.one", "jane.two"):
        join(acme, name, emails=[{"value": "jane@acme.example", "primary": True}])
    response = browser.sign_in(name_id="G-1", name_id_format=NAMEID_PERSISTENT)
    refused(response, acme, "ambiguous_member")


def test_another_name_id_never_takes_over_a_linked_member(acme, browser):
    browser.sign_in(name_id="00u1", name_id_format=NAMEID_PERSISTENT)
    response = browser.sign_in(name_id="00u2", name_id_format=NAMEID_PERSISTENT)
    refused(response, acme, "member_linked")


def test_a_name_that_went_to_somebody_else_opens_neither_account(acme, connection, browser):
    jane = join(acme, "jane@acme.example")
    assert browser.sign_in(name_id="jane@acme.example").status_code == 303
    members.change(jane, user_name="jane.smith@acme.example", profile={}, actor=SETUP)
    assert browser.sign_in(name_id="jane@acme.example").status_code == 303, "nobody else is called so"
    hired = join(acme, "jane@acme.example")
    refused(browser.sign_in(name_id="jane@acme.example"), acme, "name_recycled")
    assert subjects.unlink(connection, jane.pk, actor=SETUP)
    assert browser.sign_in(name_id="jane@acme.example").status_code == 303
    assert last_attempt(acme).member_id == hired.pk
    assert browser.sign_in(name_id="jane.smith@acme.example", attributes={}).status_code == 303
    assert last_attempt(acme).member_id == jane.pk


def test_whoever_keeps_a_name_id_that_is_anothers_name_is_linked_anew_by_hand(acme, connection, browser):
    jane = join(acme, "jane@acme.example")
    browser.sign_in(name_id="jane@acme.example")
    members.change(jane, user_name="jane.smith@acme.example", profile={}, actor=SETUP)
    join(acme, "jane@acme.example")
    subjects.unlink(connection, jane.pk, actor=SETUP)
    subjects.link(connection, jane, "jane@acme.example", actor=SETUP)
    assert browser.sign_in(name_id="jane@acme.example").status_code == 303
    assert last_attempt(acme).member_id == jane.pk


def test_a_transient_name_id_identifies_nobody_and_the_stable_attribute_does(acme, browser):
    for number in ("_a" * 300, "_b" * 300):
        response = browser.sign_in(
            name_id=number, name_id_format=NAMEID_TRANSIENT, attributes={"email": "jane@acme.example"}
        )
        assert response.status_code == 303
    assert len(people(acme)) == 1
    response = browser.sign_in(name_id="_c", name_id_format=NAMEID_TRANSIENT, attributes={})
    refused(response, acme, "attribute_missing")


@pytest.mark.parametrize("others", [True, False])
def test_an_e_mail_that_is_no_address_is_said_to_be_none(acme, others):
    """An account name mapped to the e-mail, or SimpleSAMLphp's base64attributes: no domain needs proving for that."""
    prove(acme, "acme.example")
    browser = Browser(connect(acme, allow_other_domains=others))
    response = browser.sign_in(
        name_id="G-1", name_id_format=NAMEID_PERSISTENT, attributes={"email": "amFuZUBhY21lLmV4YW1wbGU="}
    )
    refused(response, acme, "attribute_invalid")
    assert last_attempt(acme).detail == "the e-mail is no address: amFuZUBhY21lLmV4YW1wbGU="
    assert people(acme) == []


def test_row_35_a_stranger_with_an_address_of_another_domain_is_not_made(acme, globex, connection):
    prove(globex, "globex.example")
    victim = join(globex, "gina@globex.example")
    evil = Browser(connection)
    response = evil.sign_in(name_id="gina@globex.example", attributes={"email": "gina@globex.example"})
    refused(response, acme, "domain_not_verified")
    assert people(acme) == []
    assert people(globex) == [victim]
    assert open_sessions(globex) == []


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


@pytest.mark.parametrize("verb", [members.suspend, members.offboard])
def test_row_65_whoever_is_out_stays_out_and_is_not_made_anew(acme, browser, verb):
    browser.sign_in()
    verb(people(acme)[0], actor=SETUP)
    refused(browser.sign_in(), acme, "user_inactive")
    assert len(people(acme)) == 1
    assert open_sessions(acme) == []


@pytest.mark.parametrize("verb", [members.suspend, members.offboard])
def test_row_65_also_where_they_never_signed_in_before(acme, browser, jane, verb):
    verb(jane, actor=SETUP)
    refused(browser.sign_in(), acme, "user_inactive")
    refused(browser.sign_in(name_id="G-1", name_id_format=NAMEID_PERSISTENT), acme, "user_inactive")
    assert len(people(acme)) == 1


def test_a_new_hire_gets_the_name_and_the_door_of_somebody_who_left(acme, browser):
    browser.sign_in()
    members.offboard(people(acme)[0], actor=SETUP)
    hire = join(acme, "jane@acme.example")
    assert browser.sign_in().status_code == 303
    assert [session.member_id for session in open_sessions(acme)] == [hire.pk]


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
    ],
    ids=lambda value: f"row-56 {value[:20]!r}",
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
