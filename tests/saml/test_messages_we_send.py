"""The messages that we send: valid, minimal, and signed so that a stranger's code verifies them."""

import base64
import zlib
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from saml2 import samlp
from signxml import XMLVerifier

from saml import build, certificates, keys
from saml.build import RequestWishes
from saml.names import SAML, SAMLP
from saml.statements import NameID
from tests.saml.documents import ACS, CONNECTION, ENTITY_ID

DER, CERTIFICATE = keys.generate("Rollcall test")
KEY = keys.load(DER, CERTIFICATE)


def test_a_plain_request_asks_for_nothing_special():
    document = build.authn_request(CONNECTION, build.new_id(), RequestWishes())
    root = etree.fromstring(document)
    assert root.tag == f"{{{SAMLP}}}AuthnRequest"
    assert {child.tag for child in root} == {f"{{{SAML}}}Issuer"}
    assert root.findtext(f"{{{SAML}}}Issuer") == ENTITY_ID
    assert root.get("AssertionConsumerServiceURL") == ACS
    assert root.get("Destination") == CONNECTION.sso_url
    assert root.get("ID").startswith("_")
    assert root.get("ForceAuthn") is None


def test_wishes_are_asked_for_only_when_there_are_any():
    wishes = RequestWishes(force_authn=True, name_id_format="urn:f", authn_contexts=("urn:a", "urn:b"))
    request = samlp.authn_request_from_string(build.authn_request(CONNECTION, "_1", wishes))
    assert request.force_authn == "true"
    assert request.name_id_policy.format == "urn:f"
    assert [each.text for each in request.requested_authn_context.authn_context_class_ref] == [
        "urn:a",
        "urn:b",
    ]


def test_a_redirect_is_signed_over_what_is_sent():
    document = build.authn_request(CONNECTION, "_1", RequestWishes())
    message = build.send(
        document, "https://idp.example/sso?a=b", "redirect", field="SAMLRequest", relay_state="x y", key=KEY
    )
    query = urlsplit(message.url).query
    signed, _, signature = query.removeprefix("a=b&").rpartition("&Signature=")
    public = certificates.read(CERTIFICATE).public_key()
    public.verify(base64.b64decode(unquote(signature)), signed.encode(), PKCS1v15(), SHA256())
    assert list(parse_qs(query)) == ["a", "SAMLRequest", "RelayState", "SigAlg", "Signature"]
    assert zlib.decompress(base64.b64decode(parse_qs(query)["SAMLRequest"][0]), -15) == document


@pytest.mark.parametrize("kind", ["AuthnRequest", "LogoutRequest", "LogoutResponse"])
def test_a_form_is_signed_inside_right_after_the_issuer(kind):
    document = {
        "AuthnRequest": lambda: build.authn_request(CONNECTION, "_1", RequestWishes()),
        "LogoutRequest": lambda: build.logout_request(
            CONNECTION, "_1", NameID("jane", "urn:f", "q", "s"), ["_s"]
        ),
        "LogoutResponse": lambda: build.logout_response(CONNECTION, "_theirs", "UnknownPrincipal", "nobody"),
    }[kind]()
    message = build.send(
        document, "https://idp.example/", "post", field="SAMLRequest", relay_state="x", key=KEY
    )
    root = etree.fromstring(base64.b64decode(message.fields["SAMLRequest"]))
    assert message.fields["RelayState"] == "x"
    assert [child.tag.rpartition("}")[2] for child in root][:2] == ["Issuer", "Signature"]
    result = XMLVerifier().verify(root, x509_cert=CERTIFICATE, id_attribute="ID")
    assert result.signed_xml.tag == f"{{{SAMLP}}}{kind}"


def test_an_unsigned_message_carries_no_signature():
    document = build.authn_request(CONNECTION, "_1", RequestWishes())
    assert (
        "Signature" not in build.send(document, "https://idp.example/", "redirect", field="SAMLRequest").url
    )
    fields = build.send(document, "https://idp.example/", "post", field="SAMLRequest").fields
    assert base64.b64decode(fields["SAMLRequest"]) == document


def test_the_name_id_goes_back_exactly_as_it_came():
    document = build.logout_request(
        CONNECTION, "_1", NameID("jane", "urn:f", "their name", "our name"), ["_s1", "_s2"]
    )
    request = samlp.logout_request_from_string(document)
    name_id = request.name_id
    found = (name_id.text, name_id.format, name_id.name_qualifier, name_id.sp_name_qualifier)
    assert found == ("jane", "urn:f", "their name", "our name")
    assert [index.text for index in request.session_index] == ["_s1", "_s2"]


def test_ids_are_random_and_begin_as_every_product_accepts():
    ids = {build.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(identity.startswith("_") and len(identity) > 32 for identity in ids)
