"""Good responses of differently signing identity providers are accepted and read as they were meant."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
import xmlsec
from lxml import etree
from signxml import XMLSigner

from demo.idp_keys import key_pair
from demo.idp_messages import PSS, TestIdp, respond
from saml.names import EXCLUSIVE_C14N, NAMEID_PERSISTENT, NAMEID_TRANSIENT, SAML, XENC
from saml.xml import read_decrypted
from tests.saml.documents import (
    CONNECTION,
    GOOD,
    IDP,
    NOW,
    OURS,
    REQUEST_ID,
    answered,
    decide,
    good,
    ours,
    trusted,
    verdict,
)


@pytest.mark.parametrize("signed", [("assertion",), ("response",), ("assertion", "response")], ids="+".join)
@pytest.mark.parametrize("policy", ["assertion", "response", "either", "both"])
def test_the_signing_policy_decides_which_signatures_are_needed(signed, policy):
    wanted = {
        "assertion": {"assertion"},
        "response": {"response"},
        "either": set(),
        "both": {"assertion", "response"},
    }
    missing = wanted[policy] - set(signed)
    expected = "accepted"
    if missing:
        expected = "response_not_signed" if "response" in missing else "assertion_not_signed"
    assert verdict(answered(sign=signed), signed=policy) == expected


@pytest.mark.parametrize(
    ("kind", "bits", "method", "digest"),
    [
        ("rsa", 2048, "RSA_SHA256", "SHA256"),
        ("rsa", 2048, "RSA_SHA384", "SHA384"),
        ("rsa", 2048, "RSA_SHA512", "SHA512"),
        # Keycloak offers these as RSA_SHA256_MGF1 and RSA_SHA512_MGF1.
        ("rsa", 2048, PSS + "sha256-rsa-MGF1", "SHA256"),
        ("rsa", 2048, PSS + "sha384-rsa-MGF1", "SHA384"),
        ("rsa", 2048, PSS + "sha512-rsa-MGF1", "SHA512"),
        ("rsa", 4096, "RSA_SHA256", "SHA512"),
        ("ec", 256, "ECDSA_SHA256", "SHA256"),
        ("ec", 384, "ECDSA_SHA384", "SHA384"),
        ("ec", 521, "ECDSA_SHA512", "SHA512"),
    ],
)
@pytest.mark.parametrize("sign", [("assertion",), ("response",), ("assertion", "response")], ids="+".join)
def test_both_kinds_of_key_and_every_digest_are_accepted(kind, bits, method, digest, sign):
    keys = key_pair("signs", kind, bits)
    document = answered(TestIdp(keys=keys), method=method, digest=digest, sign=sign)
    assert verdict(document, idp_keys=(trusted(keys),)) == "accepted"


@pytest.mark.parametrize(
    ("cipher", "transport"),
    [
        *product(["aes128-gcm", "aes256-gcm", "aes128-cbc", "aes256-cbc"], ["oaep", "oaep-sha256"]),
        ("aes192-gcm", "oaep-sha384"),
        ("aes192-cbc", "oaep-sha512"),
    ],
)
def test_encrypted_assertions_are_opened(cipher, transport):
    document = answered(
        encrypt_for=OURS.certificate_pem, cipher=cipher, transport=transport, sign=("assertion", "response")
    )
    verified = decide(document, signed="both")
    assert verified.encrypted
    assert verified.name_id.value == "jane@acme.example"


def test_cbc_inside_an_unsigned_response_needs_the_switch():
    document = answered(encrypt_for=OURS.certificate_pem, cipher="aes256-cbc")
    assert verdict(document) == "cbc_not_allowed"
    assert verdict(document, allow_cbc=True) == "accepted"


def test_the_previous_decryption_key_still_opens():
    document = answered(encrypt_for=key_pair("old").certificate_pem)
    assert verdict(document, decryption_keys=(ours(), ours("old"))) == "accepted"
    assert verdict(document, decryption_keys=(ours(),)) == "decryption"


def test_an_encrypted_name_id_is_opened():
    verified = decide(answered(encrypt_for=OURS.certificate_pem, encrypt_name_id=True))
    assert verified.name_id.value == "jane@acme.example"


def test_an_encrypted_key_beside_the_data_is_found_as_okta_places_it():
    def move(root):
        data = root.find(f".//{{{XENC}}}EncryptedData")
        key = data.find(f".//{{{XENC}}}EncryptedKey")
        key.set("Id", "_key")
        info = key.getparent()
        data.getparent().append(key)
        ds = "http://www.w3.org/2000/09/xmldsig#"
        etree.SubElement(info, f"{{{ds}}}RetrievalMethod", Type=XENC + "EncryptedKey", URI="#_key")

    root = etree.fromstring(answered(encrypt_for=OURS.certificate_pem))
    move(root)
    assert verdict(etree.tostring(root)) == "accepted"


def test_what_the_xmlsec_library_encrypts_is_opened():
    root = etree.fromstring(answered())
    assertion = root.find(f"{{{SAML}}}Assertion")
    holder = etree.Element(f"{{{SAML}}}EncryptedAssertion")
    root.replace(assertion, holder)
    holder.append(assertion)
    template = xmlsec.template.encrypted_data_create(
        holder, xmlsec.Transform.AES256, type=xmlsec.EncryptionType.ELEMENT, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(template)
    info = xmlsec.template.encrypted_data_ensure_key_info(template, ns="ds")
    key = xmlsec.template.add_encrypted_key(info, xmlsec.Transform.RSA_OAEP)
    xmlsec.template.encrypted_data_ensure_cipher_value(key)
    store = xmlsec.KeysManager()
    store.add_key(xmlsec.Key.from_memory(OURS.certificate_pem.encode(), xmlsec.KeyFormat.CERT_PEM))
    context = xmlsec.EncryptionContext(store)
    context.key = xmlsec.Key.generate(xmlsec.KeyData.AES, 256, xmlsec.KeyDataType.SESSION)
    context.encrypt_xml(template, assertion)
    assert verdict(etree.tostring(root), allow_cbc=True) == "accepted"


@pytest.mark.parametrize(
    "shape",
    [
        {"signature_last": True},
        {"key_info": "name"},
        {"key_info": "none"},
        {"prefixes": ("saml2p", "saml2")},
        {"prefixes": ("ns0", "ns1"), "sign": ("response",)},
        {"response_issuer": None},
        {"destination": None},
        {"name_id_format": NAMEID_PERSISTENT, "name_id": "G-1e7c"},
        {"name_id_format": NAMEID_TRANSIENT, "name_id": "_" + "a" * 200},
        {"session_index": None},
        {
            "attributes": {
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress": "jane@acme.example"
            }
        },
        {"audience": [["https://other.example", CONNECTION.entity_id]]},
        {"session_seconds": 3600},
        {"attributes": {}},
    ],
    ids=str,
)
def test_what_products_do_differently_is_accepted(shape):
    assert verdict(answered(**shape)) == "accepted"


def test_either_key_verifies_during_a_rollover_and_an_encryption_key_never_does():
    new = key_pair("next")
    document = answered(TestIdp(keys=new))
    assert verdict(document, idp_keys=(trusted(), trusted(new))) == "accepted"
    assert verdict(document, idp_keys=(trusted(new), trusted())) == "accepted"
    assert verdict(document, idp_keys=(trusted(), trusted(new, "encryption"))) == "assertion_signature"


def test_an_expired_certificate_is_accepted_with_a_warning():
    keys = key_pair("past", days=-700)
    verified = decide(answered(TestIdp(keys=keys)), idp_keys=(trusted(keys),))
    assert verified.warnings == ("certificate_expired",)


def test_a_response_of_idp_initiated_sign_in_is_accepted_where_allowed():
    document = answered(request_id=None)
    assert verdict(document, request=None, allow_idp_initiated=True) == "accepted"
    assert verdict(document, request=None) == "unsolicited"


def test_an_empty_request_is_none():
    """As samlify writes it where the sign-in began on its side."""
    document = answered(request_id="")
    assert verdict(document, request=None, allow_idp_initiated=True) == "accepted"
    assert verdict(document, request=None) == "unsolicited"
    mixed = answered(request_id=REQUEST_ID, bearer_request_id="")
    assert verdict(mixed, allow_idp_initiated=True) == "in_response_to"


def test_repeated_attributes_are_merged_in_order():
    def repeat(root):
        statement = root.find(f".//{{{SAML}}}AttributeStatement")
        for value in ("b", "c"):
            attribute = etree.SubElement(statement, f"{{{SAML}}}Attribute", Name="Role")
            etree.SubElement(attribute, f"{{{SAML}}}AttributeValue").text = value

    verified = decide(answered(attributes={"Role": ["a"]}, before_sign=repeat))
    assert verified.attributes == {"Role": ("a", "b", "c")}


def test_everything_that_was_signed_is_read():
    verified = decide(
        answered(session_seconds=3600, attributes={"groups": ["a", "b"], "email": "jane@acme.example"})
    )
    assert verified.issuer == IDP.entity_id
    assert verified.in_response_to == GOOD.request_id
    assert verified.authentication.session_index == "_session-1"
    assert verified.authentication.session_not_on_or_after == NOW + timedelta(hours=1)
    assert verified.not_on_or_after == NOW + timedelta(minutes=5)
    assert verified.attributes == {"groups": ("a", "b"), "email": ("jane@acme.example",)}
    assert verified.signed_by == trusted().fingerprint
    assert not verified.encrypted


def test_a_decrypted_assertion_may_lean_on_the_prefixes_around_it():
    tree = read_decrypted(b'<saml:Assertion ID="_a"/>', {"saml": SAML}, {})
    assert tree.root.tag == f"{{{SAML}}}Assertion"


def test_a_document_declared_as_utf8_with_a_byte_order_mark_is_read():
    document = b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>' + respond(IDP, good())
    assert verdict(document) == "accepted"


def test_force_authn_and_context_are_checked_only_when_asked():
    from tests.saml.documents import REQUEST

    old = answered(authn_seconds=-7200)
    assert verdict(old) == "accepted"
    assert verdict(old, request=replace(REQUEST, force_authn=True)) == "authn_instant"
    assert verdict(answered(), request=replace(REQUEST, authn_contexts=("urn:x",))) == "authn_context"
    assert (
        verdict(answered(context_class="urn:x"), request=replace(REQUEST, authn_contexts=("urn:x",)))
        == "accepted"
    )


def test_what_another_library_signs_is_accepted():
    """Signxml is pure Python over cryptography and shares no code with what verifies here."""
    signer = XMLSigner(
        signature_algorithm="rsa-sha256", digest_algorithm="sha256", c14n_algorithm=EXCLUSIVE_C14N
    )
    root = etree.fromstring(answered(sign=()))
    assertion = root.find(f"{{{SAML}}}Assertion")
    signed = signer.sign(
        assertion,
        key=IDP.keys.private_pem,
        cert=IDP.keys.certificate_pem,
        reference_uri="#" + assertion.get("ID"),
        id_attribute="ID",
    )
    root.replace(assertion, signed)
    assert verdict(etree.tostring(root)) == "accepted"


def test_a_list_of_inclusive_prefixes_is_part_of_exclusive_canonicalization():
    root = etree.fromstring(answered(sign=()))
    assertion = root.find(f"{{{SAML}}}Assertion")
    constants, template = xmlsec.constants, xmlsec.template
    signature = template.create(assertion, constants.TransformExclC14N, constants.TransformRsaSha256, ns="ds")
    assertion.insert(1, signature)
    reference = template.add_reference(signature, constants.TransformSha256, uri="#" + assertion.get("ID"))
    template.add_transform(reference, constants.TransformEnveloped)
    exclusive = template.add_transform(reference, constants.TransformExclC14N)
    template.transform_add_c14n_inclusive_namespaces(exclusive, ["xs", "xsi"])
    xmlsec.tree.add_ids(assertion, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(IDP.keys.private_pem, constants.KeyDataFormatPem)
    context.sign(signature)
    assert verdict(etree.tostring(root)) == "accepted"
