"""The test sign-in shows everything, creates nothing and signs nobody in."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django.utils import timezone

from demo.idp_messages import respond
from identity import resources, tenancy
from identity.models import Member, Session
from saml.models import Attempt, Connection, SubjectLink
from tests.api.client import token_of
from tests.conftest import SETUP, join
from tests.saml.door import (
    Browser,
    connect,
    entries,
    last_attempt,
    prove,
    refused,
    request_of,
    session_cookie,
)

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def browser(acme, ada):
    prove(acme, "acme.example")
    browser = Browser(connect(acme, active=False, idp_preset="okta"))
    browser.api = token_of(ada)
    return browser


def trial(browser, **knobs):
    path = f"/organizations/acme/connections/{browser.connection.pk}/test"
    link = urlsplit(browser.api.post(path).json()["url"])
    sent = browser.client.get(f"{link.path}?{link.query}")
    assert sent.status_code == 302
    return browser.post(respond(browser.idp, browser.answer(request_of(sent["Location"]), **knobs)))


def steps(organization):
    return [step["step"] for step in last_attempt(organization).steps]


def test_a_test_tells_what_would_happen_and_does_nothing(acme, browser):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    with tenancy.of(acme):
        before = Member.objects.count()
    response = trial(
        browser,
        attributes={
            "email": "jane@acme.example",
            "permissions:portfolio": ["p1:edit", "p9:view"],
            "roles": ["auditor", "emperor"],
        },
    )
    assert (response.status_code, session_cookie(response)) == (200, "")
    for shown in (b"The test was good", b"permissions:portfolio", b"p9:view", b"jane@acme.example"):
        assert shown in response.content
    assert steps(acme)[-5:] == [
        "would be created jane@acme.example",
        "would be given: portfolio p1 edit",
        "would be given: role auditor",
        "would be refused access: portfolio p9 (unknown_resource)",
        "would be refused access: role emperor (unknown_role)",
    ]
    with tenancy.of(acme):
        assert (Member.objects.count(), Session.objects.count(), SubjectLink.objects.count()) == (
            before,
            0,
            0,
        )
        assert Connection.objects.get().tested_at is not None
    [entry] = entries(acme, "sign_in.test")
    assert entry.subject_id == str(last_attempt(acme).pk)
    shown = browser.api.get(f"/organizations/acme/sign-ins/{last_attempt(acme).pk}").json()
    assert (shown["purpose"], shown["outcome"], shown["attributes"]["roles"]) == (
        "test",
        "succeeded",
        ["auditor", "emperor"],
    )


def test_a_known_member_would_be_linked(acme, browser):
    join(acme, "jane@acme.example")
    trial(browser)
    assert "would be linked jane@acme.example" in steps(acme)


def test_a_refusal_of_the_person_is_foreseen(acme, browser):
    response = trial(browser, attributes={"email": "x@other.example"}, name_id="x@other.example")
    assert "would be refused: domain_not_verified (other.example)" in steps(acme)
    assert b"The test was good" not in response.content
    for shown in (
        b"would be refused: domain_not_verified",
        b"Prove the domain",
        b"<code>other.example</code>",
    ):
        assert shown in response.content
    assert last_attempt(acme).outcome == Attempt.Outcome.SUCCEEDED


def test_a_bad_message_is_explained_to_whoever_tests(acme, browser):
    response = trial(browser, audience="https://typo.example")
    assert response.status_code == 200
    for shown in (b"refused: audience", b"Audience URI", b"https://typo.example"):
        assert shown in response.content
    with tenancy.of(acme):
        assert Connection.objects.get().tested_at is None


def test_a_ticket_is_for_one_connection_and_a_quarter_of_an_hour(acme, browser):
    other = Browser(connect(acme, name="other", active=False))
    path = f"/organizations/acme/connections/{browser.connection.pk}/test"
    query = urlsplit(browser.api.post(path).json()["url"]).query
    refused(other.client.get(f"{other.path('login')}?{query}"), acme, "connection_inactive")
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        refused(browser.client.get(f"{browser.path('login')}?{query}"), acme, "connection_inactive")
    refused(browser.client.get(f"{browser.path('login')}?{query[:-1]}"), acme, "connection_inactive")


def test_a_test_needs_the_right_to_write_connections(acme, browser, ada):
    path = f"/organizations/acme/connections/{browser.connection.pk}/test"
    assert token_of(ada, "connections.read").post(path).status_code == 403
