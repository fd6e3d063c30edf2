"""Single logout over HTTP, both ways and by both bindings: it ends what it names, and nothing else."""

import base64
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from audit.record import Actor
from demo.idp_keys import encrypt, key_pair
from demo.idp_logout import logout_request
from demo.idp_messages import PSS, TestIdp, form_value, redirect_query
from identity import tenancy
from identity.models import Session
from saml import connections, trust
from saml.names import SAMLP
from tests.conftest import SETUP
from tests.saml.door import Browser, connect, entries, open_sessions, prove

pytestmark = pytest.mark.usefixtures("db")
ACTOR = Actor("member", "1", "jane")


@pytest.fixture
def browser(connection):
    browser = Browser(connection)
    browser.sign_in()
    return browser


def asked(browser, **knobs):
    return logout_request(browser.idp, browser.where["sls_url"], **knobs)


def get(browser, document, idp=None, **knobs):
    """Send by redirect, as a frame of the identity provider would: without cookies."""
    query = redirect_query(idp or browser.idp, "SAMLRequest", document, **knobs)
    return Browser(browser.connection).client.get(f"{browser.path('sls')}?{query}")


def status_of(response):
    packed = parse_qs(urlsplit(response["Location"]).query)["SAMLResponse"][0]
    import zlib

    root = etree.fromstring(zlib.decompress(base64.b64decode(packed), -15))
    codes = [code.get("Value").rpartition(":")[2] for code in root.iter(f"{{{SAMLP}}}StatusCode")]
    return codes, root.get("InResponseTo"), root.get("Destination")


def test_a_signed_request_by_redirect_ends_the_session_and_is_answered(acme, browser):
    document = asked(browser, session_index="_session-1", request_id="_logout-1")
    response = get(browser, document, relay_state="their state")
    assert response.status_code == 302
    assert response["Location"].startswith(browser.idp.slo_url)
    assert status_of(response) == (["Success"], "_logout-1", browser.idp.slo_url)
    query = parse_qs(urlsplit(response["Location"]).query)
    assert query["RelayState"] == ["their state"]
    assert "Signature" in query
    assert open_sessions(acme) == []
    assert browser.client.get("/api/v1/me").status_code == 401
    [entry] = entries(acme, "sign_out")
    assert (entry.outcome, entry.actor_kind) == ("success", "connection")


def test_a_signed_request_by_post_ends_the_session(acme, browser):
    document = asked(browser, sign=True)
    response = browser.client.post(browser.path("sls"), {"SAMLRequest": form_value(document)})
    assert response.status_code == 302
    assert open_sessions(acme) == []


@pytest.mark.parametrize(
    ("kind", "method", "algorithm"),
    [
        ("ec", "ECDSA_SHA256", {}),
        ("rsa", PSS + "sha256-rsa-MGF1", {"algorithm": PSS + "sha256-rsa-MGF1"}),
    ],
)
def test_elliptic_curves_and_rsa_pss_sign_a_request_too(acme, kind, method, algorithm):
    prove(acme, "acme.example")
    idp, stranger = TestIdp(keys=key_pair(kind, kind)), TestIdp(keys=key_pair("stranger", kind))
    browser = Browser(connect(acme, idp), idp)
    browser.sign_in(method=method)
    refused_logout(get(browser, asked(browser), stranger, **algorithm), acme, "logout_signature")
    assert status_of(get(browser, asked(browser), **algorithm))[0] == ["Success"]
    assert open_sessions(acme) == []


def test_only_the_named_sessions_end(acme, browser):
    second = Browser(browser.connection)
    second.sign_in(session_index="_session-2")
    other = Browser(browser.connection)
    other.sign_in(name_id="joe@acme.example", attributes={"email": "joe@acme.example"})
    get(browser, asked(browser, session_index="_session-2"))
    assert sorted(session.session_index for session in open_sessions(acme)) == ["_session-1", "_session-1"]
    get(browser, asked(browser))
    assert [session.member.user_name for session in open_sessions_with_members(acme)] == ["joe@acme.example"]


def open_sessions_with_members(organization):
    with tenancy.of(organization):
        found = Session.objects.filter(organization=organization, ended_at__isnull=True)
        return list(found.select_related("member"))


def test_row_59_an_unknown_principal_is_answered_as_such(acme, browser):
    response = get(browser, asked(browser, name_id="nobody@acme.example"))
    assert status_of(response)[0] == ["Requester", "UnknownPrincipal"]
    assert len(open_sessions(acme)) == 1
    # Somebody who was here is known, also when they have no session any more.
    assert [status_of(get(browser, asked(browser)))[0] for _ in range(2)] == [["Success"], ["Success"]]


def refused_logout(response, acme, code):
    assert response.status_code == 403
    # Nobody was signing in: the page is about signing out, and may stand in a frame of the identity provider's.
    assert b"may still be signed in here" in response.content
    assert "X-Frame-Options" not in response
    assert "Location" not in response
    assert len(open_sessions(acme)) == 1
    assert entries(acme, "sign_out.refuse")[-1].reason == code


def test_row_57_an_unsigned_request_is_refused(acme, browser):
    document = asked(browser)
    refused_logout(
        browser.client.post(browser.path("sls"), {"SAMLRequest": form_value(document)}),
        acme,
        "logout_not_signed",
    )
    query = redirect_query(browser.idp, "SAMLRequest", document).partition("&")[0]
    refused_logout(browser.client.get(f"{browser.path('sls')}?{query}"), acme, "logout_not_signed")


def test_row_57_a_signature_inside_a_redirected_message_does_not_count(acme, browser):
    query = redirect_query(browser.idp, "SAMLRequest", asked(browser, sign=True)).partition("&")[0]
    refused_logout(browser.client.get(f"{browser.path('sls')}?{query}"), acme, "logout_not_signed")


def test_row_58_other_signatures_are_refused(acme, browser):
    stranger = TestIdp(keys=key_pair("stranger"))
    refused_logout(get(browser, asked(browser), stranger), acme, "logout_signature")
    refused_logout(
        get(browser, asked(browser), algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
        acme,
        "weak_algorithm",
    )
    query = redirect_query(browser.idp, "SAMLRequest", asked(browser)).rpartition("&")[0]
    refused_logout(
        browser.client.get(f"{browser.path('sls')}?{query}&Signature={quote('AAAA')}"),
        acme,
        "logout_signature",
    )


def test_row_58_the_raw_query_is_what_counts(acme, browser):
    query = redirect_query(browser.idp, "SAMLRequest", asked(browser), relay_state="a b")
    parts = query.split("&")
    refused_logout(
        browser.client.get(f"{browser.path('sls')}?{query.replace('a%20b', 'a+b')}"), acme, "logout_signature"
    )
    shuffled = "&".join(reversed(parts))
    assert browser.client.get(f"{browser.path('sls')}?{shuffled}").status_code == 302


def test_row_58_what_was_signed_without_escapes_is_verified_as_it_came(acme, browser):
    message, algorithm, _ = redirect_query(browser.idp, "SAMLRequest", asked(browser)).split("&")
    query = f"{message}&RelayState=caf\u00e9+\u20ac&{algorithm}"
    signature = browser.idp.keys.private.sign(query.encode(), PKCS1v15(), SHA256())
    response = browser.client.get(
        f"{browser.path('sls')}?{query}&Signature={quote(base64.b64encode(signature), safe='')}"
    )
    assert status_of(response)[0] == ["Success"]
    assert parse_qs(urlsplit(response["Location"]).query)["RelayState"] == ["caf\u00e9 \u20ac"]
    assert open_sessions(acme) == []


def test_row_59_an_old_request_is_refused(acme, browser):
    refused_logout(get(browser, asked(browser, issued_seconds=-3600)), acme, "logout_expired")
    refused_logout(get(browser, asked(browser, valid_seconds=-120)), acme, "logout_expired")


@pytest.mark.parametrize("issued", ["9999-12-31T23:59:59Z", "2126-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_row_59_a_request_of_another_time_is_refused(acme, browser, issued):
    """One that is of tomorrow could be shown again when it is no longer remembered."""
    root = etree.fromstring(asked(browser))
    root.set("IssueInstant", issued)
    refused_logout(get(browser, etree.tostring(root)), acme, "logout_expired")
    assert open_sessions(acme)


def test_the_clock_of_the_identity_provider_may_be_a_little_ahead(browser):
    assert get(browser, asked(browser, issued_seconds=50)).status_code == 302


def test_row_59_a_request_counts_once(acme, browser):
    document = asked(browser, name_id="nobody@acme.example")
    get(browser, document)
    refused_logout(get(browser, document), acme, "logout_replay")


def test_a_request_of_another_issuer_or_for_another_address_is_refused(acme, browser):
    other = TestIdp("https://other.example", browser.idp.keys)
    refused_logout(get(browser, logout_request(other, browser.where["sls_url"])), acme, "issuer_mismatch")
    elsewhere = logout_request(browser.idp, "https://other.example/sls")
    refused_logout(get(browser, elsewhere), acme, "destination")


def test_a_request_that_names_no_address_may_have_been_sent_to_another_application(acme, browser):
    root = etree.fromstring(asked(browser))
    del root.attrib["Destination"]
    refused_logout(get(browser, etree.tostring(root)), acme, "destination_missing")
    assert open_sessions(acme)
    connections.change(browser.connection, actor=SETUP, destination_waived=True)
    assert status_of(get(browser, etree.tostring(root)))[0] == ["Success"]
    assert open_sessions(acme) == []


def test_a_request_of_one_tenant_ends_nothing_of_another(acme, globex, browser):
    theirs = Browser(connect(globex))
    response = get(theirs, asked(theirs))
    assert status_of(response)[0] == ["Requester", "UnknownPrincipal"]
    assert len(open_sessions(acme)) == 1


def test_an_encrypted_name_id_is_understood(acme, browser):
    certificate = trust.ready(browser.connection).published[0]
    plain = asked(browser, sign=False)
    root = etree.fromstring(plain)
    name_id = root.find("{urn:oasis:names:tc:SAML:2.0:assertion}NameID")
    data = encrypt(etree.tostring(name_id), certificate, "aes256-cbc")
    holder = etree.fromstring(
        f'<saml:EncryptedID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{data}</saml:EncryptedID>'
    )
    root.replace(name_id, holder)
    assert status_of(get(browser, etree.tostring(root)))[0] == ["Success"]
    assert open_sessions(acme) == []


def test_row_48_a_deflate_bomb_is_refused(acme, browser):
    bomb = redirect_query(browser.idp, "SAMLRequest", b"<a>" + b"x" * 10_000_000 + b"</a>")
    assert browser.client.get(f"{browser.path('sls')}?{bomb}").status_code == 403


def test_a_form_beyond_what_is_read_is_refused_and_recorded(acme, browser, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1
    refused_logout(browser.client.post(browser.path("sls"), {"SAMLRequest": "PA=="}), acme, "too_large")


@pytest.mark.parametrize(
    "query", ["", "SAMLRequest=", "SAMLRequest=%%%", "SAMLRequest=QUJD", "SAMLRequest=a&SAMLRequest=b"]
)
def test_noise_is_refused_without_a_fault(acme, browser, query):
    assert browser.client.get(f"{browser.path('sls')}?{query}").status_code == 403
    assert browser.client.post(browser.path("sls"), {"SAMLRequest": query}).status_code == 403
    assert [entry.outcome for entry in entries(acme, "sign_out.refuse")] == ["refused", "refused"]
