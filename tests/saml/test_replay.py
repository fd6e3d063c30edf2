"""One response, one sign-in: replays, races, and answers to somebody else's request."""

import copy
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connections as databases
from django.test import Client
from django.utils import timezone

from demo.idp_keys import key_pair
from demo.idp_messages import TestIdp, form_value, respond
from identity import tenancy
from identity.models import Session
from saml import attempts
from saml.models import Attempt
from tests.conftest import SETUP
from tests.saml.door import Browser, attempts_of, connect, entries, prove, refused, session_cookie

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def connection(acme):
    prove(acme, "acme.example")
    return connect(acme, allow_idp_initiated=True)


def sessions_of(organization):
    with tenancy.of(organization):
        return Session.objects.filter(organization=organization).count()


def test_row_25_the_same_form_twice_from_the_same_browser_moves_on_and_signs_in_once(acme, connection):
    browser = Browser(connection)
    document = respond(browser.idp, browser.answer(browser.begin("?next=/members")))
    cookies = copy.deepcopy(browser.client.cookies)
    first = browser.post(document)
    browser.client.cookies = cookies
    second = browser.post(document)
    assert session_cookie(first)
    assert (second.status_code, second["Location"], session_cookie(second)) == (303, "/members", "")
    assert sessions_of(acme) == 1
    assert [attempt.outcome for attempt in attempts_of(acme)] == [Attempt.Outcome.SUCCEEDED]
    assert [entry.reason for entry in entries(acme, "sign_in.refuse")] == ["replay"]


def test_row_25_after_some_seconds_the_same_form_is_a_replay(acme, connection):
    browser = Browser(connection)
    document = respond(browser.idp, browser.answer(browser.begin()))
    cookies = copy.deepcopy(browser.client.cookies)
    browser.post(document)
    browser.client.cookies = cookies
    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        refused(browser.post(document), acme, "replay")
    assert sessions_of(acme) == 1


def test_row_25_in_another_browser_it_is_refused(acme, connection):
    browser = Browser(connection)
    document = respond(browser.idp, browser.answer(browser.begin()))
    browser.post(document)
    other = Browser(connection)
    refused(other.post(document), acme, "in_response_to")


def test_row_25_sent_again_after_its_cookie_has_gone_it_is_told_apart_from_a_lost_cookie(acme, connection):
    """As whoever goes back in the browser and loads the page again does."""
    browser = Browser(connection)
    document = respond(browser.idp, browser.answer(browser.begin()))
    assert session_cookie(browser.post(document))
    refused(browser.post(document), acme, "in_response_to")
    assert attempts_of(acme)[-1].detail == "this request was answered before"
    assert attempts_of(acme)[0].outcome == Attempt.Outcome.SUCCEEDED
    assert sessions_of(acme) == 1


def test_row_30_a_response_posted_by_a_browser_that_did_not_begin_is_refused(acme, connection):
    attacker = Browser(connection)
    document = respond(attacker.idp, attacker.answer(attacker.begin()))
    victim = Browser(connection)
    refused(victim.post(document), acme, "browser_binding")
    assert sessions_of(acme) == 0


@pytest.mark.parametrize("unsolicited", [False, True], ids=["row-25 solicited", "row-26 unsolicited"])
def test_of_many_at_the_same_moment_one_succeeds(acme, connection, unsolicited):
    browser = Browser(connection)
    document = respond(browser.idp, browser.answer(None if unsolicited else browser.begin()))
    cookies = browser.client.cookies

    def post(_):
        client = Client()
        client.cookies = copy.deepcopy(cookies)
        try:
            return client.post(browser.path("acs"), {"SAMLResponse": form_value(document)})
        finally:
            databases.close_all()

    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(post, range(6)))
    assert sum(bool(session_cookie(response)) for response in responses) == 1
    assert sessions_of(acme) == 1
    succeeded = [attempt for attempt in attempts_of(acme) if attempt.outcome == Attempt.Outcome.SUCCEEDED]
    assert len(succeeded) == 1
    assert [entry.reason for entry in entries(acme, "sign_in.refuse")] == ["replay"] * 5


def test_newcomers_with_one_name_at_the_same_moment_become_one_member(acme, connection):
    documents = []
    for number in range(4):
        browser = Browser(connection)
        documents.append(respond(browser.idp, browser.answer(None, session_index=f"_s{number}")))

    def post(document):
        try:
            return (
                Client()
                .post(Browser(connection).path("acs"), {"SAMLResponse": form_value(document)})
                .status_code
            )
        finally:
            databases.close_all()

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(post, documents))
    assert statuses == [303] * 4
    assert len(entries(acme, "member.create")) == 1


def test_many_newcomers_at_the_same_moment_do_not_stand_in_each_others_way(acme, connection):
    browser = Browser(connection)
    people = [f"person{number}@acme.example" for number in range(16)]
    documents = [
        respond(browser.idp, browser.answer(None, name_id=email, attributes={"email": email}))
        for email in people
    ]

    def post(document):
        try:
            return Client().post(browser.path("acs"), {"SAMLResponse": form_value(document)}).status_code
        finally:
            databases.close_all()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(post, documents))
    assert statuses == [303] * 16
    assert sessions_of(acme) == 16


def test_an_assertion_is_spent_even_when_the_sign_in_then_fails(acme, connection, jane):
    from identity import members

    members.suspend(jane, actor=SETUP)
    browser = Browser(connection)
    document = respond(browser.idp, browser.answer(None))
    refused(browser.post(document), acme, "user_inactive")
    members.reactivate(jane, actor=SETUP)
    refused(browser.post(document), acme, "replay")


def test_row_33_a_request_of_one_connection_is_not_answered_at_another(acme, connection):
    sister = connect(acme, name="sister")
    here, there = Browser(connection), Browser(sister)
    request = here.begin()
    refused(there.post(respond(there.idp, there.answer(request))), acme, "in_response_to")


def test_row_33_nor_at_another_organization(acme, globex, connection):
    here, there = Browser(connection), Browser(connect(globex))
    there.client = here.client
    refused(there.post(respond(there.idp, there.answer(here.begin()))), globex, "in_response_to")
    assert [attempt.outcome for attempt in attempts_of(acme)] == [Attempt.Outcome.OPEN]


def test_row_36_a_response_for_one_connection_at_its_sister_is_refused(acme, connection):
    sister = Browser(connect(acme, name="sister", allow_idp_initiated=True))
    document = respond(sister.idp, Browser(connection).answer(None))
    refused(sister.post(document), acme, "destination")


def test_rows_31_and_37_two_tenants_with_one_issuer_stay_apart(acme, globex, connection):
    twin = TestIdp(keys=key_pair("twin"))
    browser = Browser(connect(globex, twin, allow_idp_initiated=True, allow_other_domains=True), twin)
    assert browser.post(respond(twin, browser.answer(None))).status_code == 303
    assert sessions_of(acme) == 0
    intruder = Browser(connection, twin)
    refused(intruder.post(respond(twin, intruder.answer(None))), acme, "assertion_signature")


def test_a_wrong_answer_ends_the_attempt_of_the_browser_that_began(acme, connection):
    browser = Browser(connection)
    request = browser.begin()
    refused(
        browser.post(respond(browser.idp, browser.answer(request, sign=()))), acme, "assertion_not_signed"
    )
    refused(browser.post(respond(browser.idp, browser.answer(request))), acme, "in_response_to")


def test_noise_from_a_stranger_does_not_end_the_attempt_of_another_browser(acme, connection):
    browser, stranger = Browser(connection), Browser(connection)
    request = browser.begin()
    refused(
        stranger.post(respond(browser.idp, browser.answer(request, sign=()))), acme, "assertion_not_signed"
    )
    assert browser.post(respond(browser.idp, browser.answer(request))).status_code == 303


def test_an_attempt_too_old_is_refused_and_closed_as_incomplete_by_the_job(acme, connection):
    browser = Browser(connection)
    request, waiting = browser.begin(), browser.begin()
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        refused(browser.post(respond(browser.idp, browser.answer(request))), acme, "request_expired")
    with tenancy.of(acme):
        left = Attempt.objects.get(organization=acme, request_id=waiting.get("ID"))
        old = Attempt.objects.get(organization=acme, request_id=request.get("ID"))
    assert old.outcome == Attempt.Outcome.FAILED
    assert not attempts.close_incomplete(left, actor=SETUP)
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        closed = [attempts.close_incomplete(each, actor=SETUP) for each in (left, left, old)]
    assert closed == [True, False, False]
    assert [entry.subject_id for entry in entries(acme, "sign_in.incomplete")] == [str(left.pk)]
