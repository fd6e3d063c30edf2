"""What arrives at our addresses without having been meant: odd forms, odd methods, odd times. Nobody gets in, and nothing breaks."""

import base64

import pytest
from django.test import Client

from demo.idp_messages import form_value, respond
from identity import tenancy
from identity.models import Session
from saml.names import SAML
from saml.views import BEGUN_AT_ONCE_MAX
from tests.saml.door import Browser, connect, entries, last_attempt, prove, refused, session_cookie

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def browser(acme, jane):
    prove(acme, "acme.example")
    return Browser(connect(acme, allow_idp_initiated=True))


def genuine(browser, **knobs) -> bytes:
    return respond(browser.idp, browser.answer(None, **knobs))


def endless(root):
    """Set every end to the last moment that there is, as some products do for "never"."""
    for element in root.iter():
        for name in ("NotOnOrAfter", "SessionNotOnOrAfter"):
            if element.get(name):
                element.set(name, "9999-12-31T23:59:59.9999999Z")
    root.find(f".//{{{SAML}}}AuthnStatement").set("SessionNotOnOrAfter", "9999-12-31T23:59:59Z")


def test_an_end_beyond_the_calendar_is_an_end(acme, browser):
    document = genuine(browser, before_sign=endless)
    assert session_cookie(browser.post(document))
    refused(browser.post(document), acme, "replay")


def test_a_beginning_beyond_the_calendar_is_refused(acme, browser):
    def never(root):
        root.find(f".//{{{SAML}}}Conditions").set("NotBefore", "9999-12-31T23:59:59Z")

    refused(browser.post(genuine(browser, before_sign=never)), acme, "not_yet_valid")


def test_two_authentications_end_with_the_earlier(acme, browser):
    def twice(root):
        first = root.find(f".//{{{SAML}}}AuthnStatement")
        second = first.makeelement(first.tag, dict(first.attrib))
        second.set("SessionNotOnOrAfter", "2020-01-01T00:00:00Z")
        first.addnext(second)

    refused(browser.post(genuine(browser, before_sign=twice)), acme, "session_expired")


@pytest.mark.parametrize(
    "changed",
    [
        lambda url: url + "/",
        lambda url: url.replace("://localhost", "://LOCALHOST"),
        lambda url: url.replace("://localhost:8000", "://localhost"),
        lambda url: url + "?x=1",
        lambda url: url.replace("saml2", "%73aml2"),
    ],
    ids=["slash", "capitals", "port", "query", "percent"],
)
def test_another_spelling_of_our_address_is_another_address(acme, browser, changed):
    other = changed(browser.where["acs_url"])
    assert other != browser.where["acs_url"]
    refused(browser.post(genuine(browser, destination=other)), acme, "destination")
    refused(browser.post(genuine(browser, recipient=other)), acme, "recipient")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b"SAMLResponse=%s"),
        ("text/plain", b"SAMLResponse=%s"),
        ("application/json", b'{"SAMLResponse": "%s"}'),
        ("application/xml", b"%s"),
        ("multipart/form-data", b"%s"),
        ("multipart/form-data; boundary=x", b"--y\r\n%s"),
        ("application/x-www-form-urlencoded; charset=utf-16", b"SAMLResponse=%s"),
        ("application/x-www-form-urlencoded; charset=none", b"RelayState=%s"),
        ("application/x-www-form-urlencoded", b"SAMLResponse=%s&" + b"a=b&" * 7000),
        ("application/x-www-form-urlencoded", b"samlresponse=%s"),
        ("application/x-www-form-urlencoded", b"\xff\xfe=%%00&SAMLResponse=\x00%s"),
    ],
)
def test_a_form_that_is_none_signs_nobody_in_and_breaks_nothing(browser, content_type, body):
    encoded = base64.b64encode(genuine(browser)).replace(b"+", b"%2B")
    answer = Client().generic("POST", browser.path("acs"), body % encoded, content_type=content_type)
    assert answer.status_code in {400, 403}
    assert session_cookie(answer) == ""
    with tenancy.of(browser.connection.organization_id):
        assert not Session.objects.exists()


@pytest.mark.parametrize("limit", ["MEMORY_SIZE", "NUMBER_FIELDS"])
def test_a_form_beyond_what_is_read_stands_in_the_log(acme, browser, settings, limit):
    setattr(settings, f"DATA_UPLOAD_MAX_{limit}", 1)
    refused(browser.post(genuine(browser), RelayState="/"), acme, "too_large")


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda text: text.replace("+", "-").replace("/", "_"),
        lambda text: text + "AAAA",
        lambda text: text[:-4],
        lambda text: text + "\u00a0",
        lambda text: "\ufeff" + text,
        lambda text: "data:text/xml;base64," + text,
        lambda text: base64.b64encode(text.encode()).decode(),
    ],
    ids=["urlsafe", "more", "less", "space", "mark", "data", "twice"],
)
def test_another_alphabet_is_refused(acme, browser, spoilt):
    document = genuine(browser, attributes={"email": "jane@acme.example", "x": "?>~\u00ff" * 50})
    text = spoilt(form_value(document))
    answer = browser.client.post(browser.path("acs"), {"SAMLResponse": text})
    assert (answer.status_code, session_cookie(answer)) == (403, "")
    assert last_attempt(acme).code in {"encoding", "malformed_xml", "structure"}


def test_a_form_with_two_answers_is_one_answer(acme, browser):
    both = {"SAMLResponse": [form_value(genuine(browser, status="urn:x")), form_value(genuine(browser))]}
    assert session_cookie(browser.client.post(browser.path("acs"), both))


@pytest.mark.parametrize(
    "relay",
    [
        "/members?" + "x" * 1_000_000,
        "/%2f%2fevil.example",
        "/%5cevil.example",
        "//evil.example",
        "/\\evil.example",
        "/a\r\nSet-Cookie: x=1",
    ],
)
def test_wherever_a_relay_state_points_the_person_stays_here(browser, relay):
    answer = browser.post(genuine(browser), RelayState=relay)
    assert session_cookie(answer)
    assert answer.status_code == 303
    assert answer["Location"].startswith("/")
    assert not answer["Location"].startswith(("//", "/\\"))
    assert len(answer["Location"]) < 2100


@pytest.mark.parametrize("secure", [False, True])
def test_a_page_that_opens_the_sign_in_again_and_again_does_not_fill_the_browser(browser, settings, secure):
    settings.SESSION_COOKIE_SECURE = secure
    jar = browser.client.cookies
    jar["rollcall_session"] = "x"
    for number in range(2 * BEGUN_AT_ONCE_MAX + 5):
        asked = browser.begin()
        for name in [name for name, morsel in jar.items() if morsel["max-age"] == 0]:
            del jar[name]
        kept = [name for name in jar if "rollcall_login_" in name]
        assert len(kept) == number % BEGUN_AT_ONCE_MAX + 1
    assert jar["rollcall_session"].value == "x"
    assert session_cookie(browser.post(respond(browser.idp, browser.answer(asked))))


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch", "options"])
def test_the_acs_takes_a_post_alone_and_says_so(browser, method):
    answer = getattr(browser.client, method)(browser.path("acs"))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_a_person_who_comes_back_to_the_acs_is_told_where_to_begin(browser):
    answer = browser.client.get(browser.path("acs"))
    assert f"/saml2/{browser.connection.pk}/login" in answer.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "",
        "SAMLRequest=",
        "SAMLRequest=x&SAMLResponse=y",
        "SAMLRequest=%FF%FE",
        "SAMLResponse=7VZZ",
        "SAMLRequest=" + "A" * 70_000,
        "&&&=&",
    ],
)
def test_the_sign_out_address_survives_anything(acme, browser, query):
    answer = browser.client.get(browser.path("sls") + "?" + query)
    assert answer.status_code in {400, 403}
    assert entries(acme, "session.end") == []
