"""A member links themselves to their identity provider: by going there, coming back, and saying that it is them."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from demo.idp_messages import respond
from identity import members, sessions, tenancy
from identity.models import Session
from saml import connections, subjects
from saml import sign_on as saml_sign_on
from saml.models import Attempt, SubjectLink
from saml.names import NAMEID_PERSISTENT, NAMEID_TRANSIENT
from tests.conftest import SETUP, join
from tests.saml.door import Browser, connect, entries, last_attempt, prove, refused, request_of

pytestmark = pytest.mark.usefixtures("db")
PASSWORD = "correct horse battery"
THERE = {"name_id": "00u-jane", "name_id_format": NAMEID_PERSISTENT}


@pytest.fixture
def connection(acme):
    prove(acme, "acme.example")
    return connect(acme, join="invited")


@pytest.fixture
def jane(acme):
    """Give a member with a password, whose user name says nothing to the identity provider."""
    made = join(acme, "jj", displayName="Jane Jones")
    members.set_password(made, PASSWORD, actor=SETUP)
    return made


@pytest.fixture
def browser(connection, jane):
    return signed_in(connection, jane)


def signed_in(connection, member):
    client = Client()
    _, client.cookies["rollcall_session"] = sessions.start(member, actor=SETUP)
    return Browser(connection, client=client)


def leave(browser):
    """Press Link, and return the request with which we are sent away."""
    page = browser.client.post(f"/me/link/{browser.connection.pk}")
    assert page.status_code == 200, page.content
    return request_of(re.search(r'url=([^"]+)"', page.content.decode())[1].replace("&amp;", "&"))


def come_back(browser, request, **knobs):
    return browser.post(respond(browser.idp, browser.answer(request, **(THERE | knobs))))


def pending(browser):
    page = browser.client.get("/me/link").content.decode()
    found = re.search(r'name="attempt" value="([^"]+)"', page)
    return found[1] if found else "", page


def confirm(browser, attempt=None):
    return browser.client.post("/me/link", {"attempt": attempt or pending(browser)[0]})


def links(acme):
    with tenancy.of(acme):
        return list(SubjectLink.objects.filter(organization=acme))


def test_a_member_links_themselves_and_signs_in_that_way_from_then_on(acme, browser, jane):
    assert b"not linked to you" in browser.client.get("/me").content
    back = come_back(browser, leave(browser))
    assert (back.status_code, back["Location"]) == (303, "/me/link")
    assert links(acme) == []
    page = pending(browser)[1]
    assert "00u-jane" in page
    assert "Jane Jones" in page
    done = confirm(browser)
    assert (done.status_code, done["Location"]) == (303, "/me")
    [link] = links(acme)
    assert link.member_id == jane.pk
    # What came, by the connection; and that the member said so.
    assert [entry.actor_kind for entry in entries(acme, "sign_in.link")] == ["connection", "member"]
    [entry] = entries(acme, "member.link")
    assert (entry.actor_kind, entry.actor_id, entry.subject_id) == ("member", str(jane.pk), str(jane.pk))
    attempt = last_attempt(acme)
    assert (attempt.purpose, attempt.outcome, attempt.attributes_sealed) == ("link", "succeeded", None)
    assert Browser(browser.connection).sign_in(**THERE).status_code == 303
    assert last_attempt(acme).member_id == jane.pk


def test_going_there_and_back_signs_nobody_in(acme, browser, jane):
    with tenancy.of(acme):
        before = Session.objects.count()
    come_back(browser, leave(browser))
    confirm(browser)
    with tenancy.of(acme):
        assert Session.objects.count() == before
    assert entries(acme, "sign_in.succeed") == []


def test_nothing_is_linked_before_the_member_says_that_it_is_them(acme, browser):
    """A stranger may have signed this browser in there, as themselves: the name that came is shown first."""
    come_back(browser, leave(browser), name_id="mallory", attributes={"email": "mallory@acme.example"})
    page = pending(browser)[1]
    assert "mallory" in page
    assert links(acme) == []


def test_an_answer_in_another_browser_is_refused(acme, browser, connection):
    """What somebody else began is not put into the victim's account, nor the victim's answer into theirs."""
    victim = signed_in(connection, join(acme, "victim"))
    refused(come_back(victim, leave(browser)), acme, "browser_binding")
    assert links(acme) == []


def test_another_session_of_the_same_browser_cannot_confirm(acme, browser, connection, jane):
    """Signed out and in meanwhile, as somebody else or as oneself: the attempt carries session and member."""
    come_back(browser, leave(browser))
    attempt = pending(browser)[0]
    for member in (join(acme, "other"), jane):
        other = signed_in(connection, member)
        assert pending(other)[0] == ""
        assert confirm(other, attempt).status_code == 404
    assert links(acme) == []


def test_a_link_is_begun_and_confirmed_by_forms_of_ours_alone(acme, browser, jane):
    assert browser.client.get(f"/me/link/{browser.connection.pk}").status_code == 405
    come_back(browser, leave(browser))
    attempt = pending(browser)[0]
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.client.cookies
    assert strict.post("/me/link", {"attempt": attempt}).status_code == 403
    assert strict.post(f"/me/link/{browser.connection.pk}").status_code == 403
    assert links(acme) == []


def test_confirming_twice_links_once(acme, browser):
    come_back(browser, leave(browser))
    attempt = pending(browser)[0]
    assert confirm(browser, attempt).status_code == 303
    assert confirm(browser, attempt).status_code == 404
    assert len(entries(acme, "member.link")) == 1


def test_what_came_back_is_good_for_a_quarter_of_an_hour(acme, browser):
    come_back(browser, leave(browser))
    attempt = pending(browser)[0]
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert pending(browser)[0] == ""
        assert confirm(browser, attempt).status_code == 404


@pytest.mark.parametrize("attempt", ["", "x", "01900000-0000-7000-8000-000000000000"])
def test_a_made_up_attempt_is_not_there(browser, attempt):
    assert browser.client.post("/me/link", {"attempt": attempt}).status_code == 404


def test_an_identity_of_somebody_else_is_not_taken(acme, browser, connection):
    subjects.link(connection, join(acme, "bob"), "00u-jane", actor=SETUP)
    refused(come_back(browser, leave(browser)), acme, "identity_taken")


def test_nor_one_that_somebody_took_before_the_member_confirmed(acme, browser, connection):
    come_back(browser, leave(browser))
    subjects.link(connection, join(acme, "bob"), "00u-jane", actor=SETUP)
    assert confirm(browser).status_code == 400
    assert len(links(acme)) == 1


def test_a_linked_member_unlinks_first(acme, browser, connection, jane):
    subjects.link(connection, jane, "old-name", actor=SETUP)
    page = browser.client.post(f"/me/link/{connection.pk}")
    assert page.status_code == 400
    assert b"Unlink first" in page.content


def test_an_address_of_a_domain_that_is_not_proved_is_not_linked(acme, browser):
    refused(
        come_back(browser, leave(browser), attributes={"email": "jane@evil.example"}),
        acme,
        "domain_not_verified",
    )


def test_a_transient_name_is_linked_by_the_stable_attribute_or_not_at_all(acme, browser):
    back = come_back(browser, leave(browser), name_id="_1", name_id_format=NAMEID_TRANSIENT)
    assert back.status_code == 303
    assert confirm(browser).status_code == 303
    again = Browser(browser.connection).sign_in(name_id="_2", name_id_format=NAMEID_TRANSIENT)
    assert again.status_code == 303


def test_a_transient_name_without_anything_stable_is_refused(acme, browser):
    request = leave(browser)
    answer = come_back(browser, request, name_id="_1", name_id_format=NAMEID_TRANSIENT, attributes={})
    refused(answer, acme, "attribute_missing")


def test_whoever_is_out_by_then_is_not_linked(acme, browser, jane):
    request = leave(browser)
    members.suspend(jane, actor=SETUP)
    refused(come_back(browser, request), acme, "user_inactive")


def test_nobody_links_themselves_where_sign_in_does_not_start_here(acme, browser, connection):
    connections.change(connection, actor=SETUP, allow_idp_initiated=True)
    come_back(browser, leave(browser))
    saml_sign_on.change(acme, actor=SETUP, start_here=False)
    assert confirm(browser).status_code == 400
    assert browser.client.post(f"/me/link/{connection.pk}").status_code == 400
    assert links(acme) == []


def test_a_link_response_cannot_be_replayed_as_a_sign_in(acme, browser, connection):
    request = leave(browser)
    document = respond(browser.idp, browser.answer(request, **THERE))
    browser.post(document)
    connections.change(connection, actor=SETUP, allow_idp_initiated=True)
    again = Browser(connection).post(document)
    assert again.status_code == 403


def test_a_member_with_a_password_unlinks_and_sessions_that_came_by_it_end(acme, browser, connection, jane):
    subjects.link(connection, jane, "00u-jane", actor=SETUP)
    there = Browser(connection)
    there.sign_in(**THERE)
    assert there.client.get("/me").status_code == 200
    assert browser.client.post(f"/me/link/{connection.pk}/end")["Location"] == "/me"
    assert links(acme) == []
    assert there.client.get("/me").status_code == 302
    assert browser.client.get("/me").status_code == 200
    assert len(entries(acme, "member.unlink")) == 1
    assert browser.client.post(f"/me/link/{connection.pk}/end").status_code == 404


def test_nobody_unlinks_their_only_way_in(acme, connection, jane, browser):
    without = join(acme, "bob@acme.example")
    subjects.link(connection, without, "bob", actor=SETUP)
    assert signed_in(connection, without).client.post(f"/me/link/{connection.pk}/end").status_code == 400
    subjects.link(connection, jane, "00u-jane", actor=SETUP)
    glass = join(acme, "glass@acme.example", role="organization_admin")
    members.set_password(glass, PASSWORD, actor=SETUP)
    saml_sign_on.change(acme, actor=SETUP, sign_on="single_sign_on", break_glass_id=glass.pk)
    assert browser.client.post(f"/me/link/{connection.pk}/end").status_code == 400
    assert len(links(acme)) == 2


def test_another_organizations_connection_is_not_there(globex, browser):
    theirs = connect(globex)
    assert browser.client.post(f"/me/link/{theirs.pk}").status_code == 404
    assert browser.client.post(f"/me/link/{theirs.pk}/end").status_code == 404


def test_what_is_never_confirmed_is_closed_as_incomplete(acme, browser):
    from tasks.jobs import sign_ins

    come_back(browser, leave(browser))
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        sign_ins.incomplete()
    attempt = last_attempt(acme)
    assert (attempt.outcome, attempt.steps[-1]["step"]) == (Attempt.Outcome.INCOMPLETE, "never confirmed")
