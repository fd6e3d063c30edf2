"""An identity provider that answers without signing anybody in: each answer has its code, and the person a page that says whose it is."""

import pytest
from lxml import etree

from demo.idp_messages import respond
from saml.names import SAML, SAMLP
from saml.presets import PRESETS
from saml.refusals import CATALOGUE, Refused
from saml.statuses import is_theirs
from tests.saml.documents import answered, decide, verdict
from tests.saml.door import Browser, connect, last_attempt, refused

PREFIX = "urn:oasis:names:tc:SAML:2.0:status:"


def declined(*codes, message=""):
    """Return an edit that makes a refusal of a response, as products send it: codes one within the other, and no assertion."""

    def change(root):
        root.remove(root.find(f"{{{SAML}}}Assertion"))
        status = root.find(f"{{{SAMLP}}}Status")
        status.clear()
        parent = status
        for code in codes:
            parent = etree.SubElement(parent, f"{{{SAMLP}}}StatusCode", Value=code)
        if message:
            etree.SubElement(status, f"{{{SAMLP}}}StatusMessage").text = message

    return change


CASES = [
    # (who says so, codes, code of ours)
    ("SimpleSAMLphp, no session", ("Responder", "NoPassive"), "status_passive"),
    ("Shibboleth, no session", ("Requester", "NoPassive"), "status_passive"),
    ("Shibboleth, other method", ("Requester", "NoAuthnContext"), "status_authn_context"),
    ("Entra, other method", ("Responder", "NoAuthnContext"), "status_authn_context"),
    ("Keycloak, cancelled", ("Responder", "AuthnFailed"), "status_authn_failed"),
    ("Shibboleth, NameID", ("Requester", "InvalidNameIDPolicy"), "status_name_id_policy"),
    ("AD FS, NameID", ("Responder", "InvalidNameIDPolicy"), "status_name_id_policy"),
    ("LemonLDAP::NG, rule", ("Responder", "RequestDenied"), "status_denied"),
    ("OneLogin, not assigned", ("Requester", "UnknownPrincipal"), "status_denied"),
    ("a foreign one", ("Requester", "UnsupportedBinding"), "status_request"),
    ("AD FS, our signature", ("Requester",), "status_request"),
    ("AD FS, anything", ("Responder",), "status"),
    ("top level only", ("VersionMismatch",), "status_request"),
    ("top level that is none", ("AuthnFailed",), "status_authn_failed"),
    ("unheard of", ("Responder", "Whatever"), "status"),
    ("Requester with more", ("Requester", "Whatever"), "status"),
]


@pytest.mark.parametrize(("codes", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("sign", [(), ("response",)], ids=["unsigned", "signed"])
def test_each_answer_has_its_code(codes, code, sign):
    change = declined(*(PREFIX + name for name in codes))
    assert verdict(answered(before_sign=change, sign=sign)) == code


def test_codes_of_another_namespace_mean_nothing():
    change = declined(PREFIX + "Responder", "urn:example:status:AuthnFailed")
    assert verdict(answered(before_sign=change, sign=())) == "status"
    change = declined("urn:example:status:Success")
    assert verdict(answered(before_sign=change, sign=())) == "status"


def test_a_status_without_a_code_is_no_response():
    assert verdict(answered(before_sign=declined(), sign=())) == "structure"


def test_the_detail_says_what_came_within_bounds():
    change = declined(PREFIX + "Responder", "urn:x:" + "y" * 900, message=" Nein. ")
    with pytest.raises(Refused, match=r"^status: ") as raised:
        decide(answered(before_sign=change, sign=()))
    detail = raised.value.detail
    assert detail.startswith(PREFIX + "Responder / urn:x:yyy")
    assert detail.endswith(" / Nein.")
    assert len(detail) <= 500


def test_a_message_in_an_attribute_is_read_too():
    """As Auth0's library for Node writes it."""

    def change(root):
        declined(PREFIX + "Responder")(root)
        etree.SubElement(
            root.find(f"{{{SAMLP}}}Status"), f"{{{SAMLP}}}StatusMessage", Value="Gesperrt – für immer"
        )

    with pytest.raises(Refused) as raised:
        decide(answered(before_sign=change, sign=()))
    assert raised.value.detail == PREFIX + "Responder / Gesperrt – für immer"


def test_every_status_leads_to_a_place_in_every_product():
    theirs = [code for code in CATALOGUE if is_theirs(code)]
    assert len(theirs) == 7
    for product in PRESETS.values():
        assert all(product.place(code) for code in theirs)
        assert product.place("replay") == product.where.get("replay", "")


def test_the_person_learns_that_it_was_the_identity_provider(acme):
    browser = Browser(connect(acme))
    change = declined(PREFIX + "Responder", PREFIX + "AuthnFailed", message="<b>call +1 555 now</b>")
    answer = browser.answer(browser.begin(), before_sign=change, sign=())
    response = browser.post(respond(browser.idp, answer))
    refused(response, acme, "status_authn_failed")
    assert b"Your identity provider did not sign you in" in response.content
    # What a stranger can write into an unsigned message is for the log alone.
    assert b"555 now" not in response.content
    assert "call +1 555 now" in last_attempt(acme).detail
    assert f'href="{browser.path("login")}"'.encode() in response.content


def test_what_we_refuse_ourselves_stays_untold(acme):
    browser = Browser(connect(acme))
    response = browser.post(
        respond(browser.idp, browser.answer(browser.begin(), audience="https://x.example"))
    )
    refused(response, acme, "audience")
    assert b"We could not sign you in" in response.content


def test_there_is_no_link_to_start_again_where_nothing_starts(acme):
    browser = Browser(connect(acme, active=False))
    response = browser.client.get(browser.path("login"))
    refused(response, acme, "connection_inactive")
    assert browser.path("login").encode() not in response.content
