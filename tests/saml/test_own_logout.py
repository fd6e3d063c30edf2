"""Our own logout over HTTP: it ends the session here, asks the identity provider, and says whether that answered."""

# ruff: noqa: F811 - the fixture of another file is asked for by its name

import pytest
from lxml import etree

from demo.idp_keys import key_pair
from demo.idp_logout import idp_metadata, logout_response
from demo.idp_messages import form_value, redirect_query
from identity import sessions
from saml import connections, logout
from saml.decryption import decrypt
from saml.names import SAMLP
from saml.refusals import Refused
from saml.snapshot import DecryptionKey
from tests.conftest import SETUP, join
from tests.saml.documents import IDP
from tests.saml.door import NOTHING, Browser, connect, entries, prove, request_of
from tests.saml.test_logout import (
    ACTOR,
    browser,  # noqa: F401 - a fixture
    open_sessions,
    open_sessions_with_members,
)

pytestmark = pytest.mark.usefixtures("db")


def test_our_own_logout_ends_the_session_and_asks_the_identity_provider(acme, browser):
    [session] = open_sessions_with_members(acme)
    message = logout.begin(session, actor=ACTOR)
    assert open_sessions(acme) == []
    root = request_of(message.url)
    assert root.tag == f"{{{SAMLP}}}LogoutRequest"
    assert root.findtext(f"{{{SAMLP}}}SessionIndex") == "_session-1"
    name_id = root.find("{urn:oasis:names:tc:SAML:2.0:assertion}NameID")
    assert (name_id.text, name_id.get("Format").rpartition(":")[2]) == ("jane@acme.example", "emailAddress")
    answer = logout_response(browser.idp, browser.where["sls_url"], root.get("ID"))
    query = redirect_query(browser.idp, "SAMLResponse", answer)
    response = browser.client.get(f"{browser.path('sls')}?{query}")
    assert (response.status_code, b"You are signed out" in response.content) == (200, True)
    assert b"has answered" in response.content


@pytest.mark.parametrize(
    ("status", "everywhere"),
    [
        (("Success",), True),
        # LemonLDAP::NG and Keycloak say so where another application does not answer.
        (("Success", "PartialLogout"), False),
        (("Responder", "PartialLogout"), False),
        (("Requester",), False),
        (("Requester", "UnknownPrincipal"), False),
    ],
)
def test_the_page_says_whether_the_identity_provider_signed_out_too(browser, status, everywhere):
    answer = logout_response(browser.idp, browser.where["sls_url"], "_asked", sign=True, status=status)
    response = browser.client.post(browser.path("sls"), {"SAMLResponse": form_value(answer)})
    assert response.status_code == 200
    assert (b"has answered" in response.content) is everywhere
    assert (b"may still be signed in" in response.content) is not everywhere


def hiding(organization, *encryption):
    """Give a session of a connection that hides names, whose metadata tells of these keys to encrypt to."""
    prove(organization, "acme.example")
    document = idp_metadata(IDP, encryption=encryption).decode()
    given = {"idp_metadata_xml": document, "encrypt_name_id": True}
    made = connections.create(
        organization, actor=SETUP, name="IdP", defaults=NOTHING, active=True, activate_untested=True, **given
    )
    Browser(made).sign_in()
    return open_sessions_with_members(organization)[0]


def test_our_own_logout_hides_the_name_where_the_connection_wants_it(acme):
    theirs = key_pair("to-encrypt-to")
    root = request_of(logout.begin(hiding(acme, theirs), actor=ACTOR).url)
    assert b"jane@" not in etree.tostring(root)
    assert root.find("{urn:oasis:names:tc:SAML:2.0:assertion}NameID") is None
    [hidden] = root.findall("{urn:oasis:names:tc:SAML:2.0:assertion}EncryptedID")
    # Schema order (core 3.7.1): who is meant stands before the indexes of sessions.
    assert [child.tag.rpartition("}")[2] for child in root] == ["Issuer", "EncryptedID", "SessionIndex"]
    opened = etree.fromstring(decrypt(hidden, (DecryptionKey("", theirs.private),), cbc=False))
    assert (opened.text, opened.get("Format").rpartition(":")[2]) == ("jane@acme.example", "emailAddress")
    with pytest.raises(Refused):
        decrypt(hidden, (DecryptionKey("", key_pair("somebody else").private),), cbc=False)


def test_a_name_that_cannot_be_hidden_is_told_to_nobody(acme):
    assert logout.begin(hiding(acme), actor=ACTOR) is None
    assert open_sessions(acme) == []


def test_our_own_logout_works_without_saml(acme, db):
    member = join(acme, "joe@acme.example")
    session, _ = sessions.start(member, actor=SETUP)
    assert logout.begin(session, actor=ACTOR) is None
    assert open_sessions(acme) == []


def test_our_own_logout_ends_only_ours_where_the_identity_provider_knows_none(acme):
    prove(acme, "acme.example")
    browser = Browser(connect(acme, slo_url=""))
    browser.sign_in()
    [session] = open_sessions_with_members(acme)
    assert logout.begin(session, actor=ACTOR) is None
    assert open_sessions(acme) == []


def test_row_60_an_unsigned_response_changes_nothing(acme, browser):
    answer = logout_response(browser.idp, browser.where["sls_url"], "_never-asked")
    response = browser.client.post(browser.path("sls"), {"SAMLResponse": form_value(answer)})
    assert response.status_code == 200
    assert b"may still be signed in" in response.content
    assert len(open_sessions(acme)) == 1
    assert entries(acme, "sign_out.refuse")[-1].reason == "logout_not_signed"
