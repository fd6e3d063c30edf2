"""Rows 38 to 44 of the attack catalogue: weak algorithms, foreign keys, references, transforms, canonicalization."""

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest
from lxml import etree

from demo.idp_keys import key_pair
from demo.idp_messages import PSS, TestIdp
from saml.names import DS, EXCLUSIVE_C14N, SAML
from saml.refusals import Refused
from saml.signatures import CHANGED
from tests.saml.documents import IDP, NOW, answered, decide, trusted, verdict
from tests.saml.forgeries import assertion_of, forged, genuine

MORE = "http://www.w3.org/2001/04/xmldsig-more#"


def signature_of(root):
    return assertion_of(root).find(f"{{{DS}}}Signature")


def setting(name, attribute, value):
    """Set an attribute inside SignedInfo; what it says is judged before the arithmetic is done."""

    def change(root):
        signature_of(root).find(f".//{{{DS}}}{name}").set(attribute, value)

    return change


def adding(path, tag, **attributes):
    def change(root):
        parent = signature_of(root).find(f".//{{{DS}}}{path}") if path else signature_of(root)
        etree.SubElement(parent, tag, **attributes)

    return change


@pytest.mark.parametrize(
    ("method", "digest"),
    [("RSA_SHA1", "SHA256"), ("RSA_SHA256", "SHA1"), ("RSA_SHA1", "SHA1")],
    ids=lambda value: f"row-38 {value}",
)
def test_sha1_is_refused_unless_switched_on_until_a_date(method, digest):
    document = answered(method=method, digest=digest)
    assert verdict(document) == "weak_algorithm"
    assert verdict(document, sha1_until=NOW - timedelta(days=1)) == "weak_algorithm"
    assert verdict(document, sha1_until=NOW + timedelta(days=1)) == "accepted"


@pytest.mark.parametrize(
    "algorithm",
    [
        MORE + "rsa-md5",
        DS + "dsa-sha1",
        MORE + "rsa-ripemd160",
        DS + "hmac-sha1",
        MORE + "hmac-sha256",
        "",
        MORE + "rsa-sha224",
        PSS + "sha1-rsa-MGF1",
        PSS + "sha224-rsa-MGF1",
        PSS + "rsa-pss",
    ],
    ids=lambda value: f"row-38 {value}",
)
def test_other_algorithms_are_refused_by_name(algorithm):
    document = forged(setting("SignatureMethod", "Algorithm", algorithm))
    assert verdict(document, sha1_until=NOW + timedelta(days=1)) == "weak_algorithm"


def test_row_38_a_short_rsa_key_is_refused():
    keys = key_pair("short", bits=1024)
    assert verdict(answered(TestIdp(keys=keys)), idp_keys=(trusted(keys),)) == "weak_key"


def test_row_39_an_hmac_keyed_with_the_public_certificate_is_refused():
    root = genuine()
    signature = signature_of(root)
    signature.find(f".//{{{DS}}}SignatureMethod").set("Algorithm", MORE + "hmac-sha256")
    info = etree.tostring(signature.find(f"{{{DS}}}SignedInfo"), method="c14n", exclusive=True)
    mac = hmac.new(IDP.keys.certificate_pem.encode(), info, hashlib.sha256).digest()
    signature.find(f"{{{DS}}}SignatureValue").text = base64.b64encode(mac).decode()
    assert verdict(etree.tostring(root)) == "weak_algorithm"


@pytest.mark.parametrize("key_info", ["x509", "name", "none"], ids=lambda value: f"row-40 {value}")
@pytest.mark.parametrize("sign", [("assertion",), ("response",)], ids="+".join)
def test_a_key_inside_the_message_is_no_key(key_info, sign):
    attacker = TestIdp(keys=key_pair("attacker"))
    code = f"{sign[0]}_signature"
    assert verdict(answered(attacker, key_info=key_info, sign=sign)) == code


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_row_40_rsa_pss_is_verified_by_the_same_rules(digest):
    method = f"{PSS}{digest}-rsa-MGF1"
    attacker = TestIdp(keys=key_pair("attacker"))
    assert verdict(answered(attacker, method=method)) == "assertion_signature"
    assert verdict(forged(setting("SignatureMethod", "Algorithm", method))) == "assertion_signature"
    renamed = forged(setting("SignatureMethod", "Algorithm", MORE + "rsa-sha256"), method=method)
    assert verdict(renamed) == "assertion_signature"
    curve = key_pair("ec", "ec", 256)
    assert verdict(answered(method=method), idp_keys=(trusted(curve),)) == "assertion_signature"

    def rename(root):
        root.find(f".//{{{SAML}}}NameID").text = "eve"

    assert verdict(forged(rename, method=method)) == "assertion_signature"


@pytest.mark.parametrize(
    "key_info",
    [
        "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus></ds:RSAKeyValue></ds:KeyValue>",
        '<d:DEREncodedKeyValue xmlns:d="http://www.w3.org/2009/xmldsig11#">{der}</d:DEREncodedKeyValue>',
        '<ds:RetrievalMethod URI="http://127.0.0.1:9/key"/>',
        '<ds:RetrievalMethod URI="file:///etc/passwd" Type="http://www.w3.org/2000/09/xmldsig#rawX509Certificate"/>',
    ],
    ids=["row-40 KeyValue", "row-40 DEREncodedKeyValue", "row-40 RetrievalMethod", "row-40 file"],
)
def test_nothing_in_key_info_is_used_or_fetched(key_info):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    keys = key_pair("attacker")
    public = keys.private.public_key()
    der = base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    modulus = base64.b64encode(public.public_numbers().n.to_bytes(256, "big")).decode()
    filled = key_info.format(modulus=modulus, der=der)
    root = etree.fromstring(answered(TestIdp(keys=keys)))
    info = signature_of(root).find(f"{{{DS}}}KeyInfo")
    info.getparent().replace(info, etree.fromstring(f'<ds:KeyInfo xmlns:ds="{DS}">{filled}</ds:KeyInfo>'))
    assert verdict(etree.tostring(root)) == "assertion_signature"


@pytest.mark.parametrize(
    "uri",
    ["", "#", "#_other", "http://127.0.0.1:9/x", "#xpointer(/)", "#xpointer(id('_a'))", "file:///etc/passwd"],
    ids=lambda value: f"row-41 {value}",
)
def test_a_reference_to_anything_else_is_refused(uri):
    assert verdict(forged(setting("Reference", "URI", uri))) == "reference"


def test_row_41_two_references_are_refused():
    def change(root):
        info = signature_of(root).find(f"{{{DS}}}SignedInfo")
        info.append(etree.fromstring(etree.tostring(info.find(f"{{{DS}}}Reference"))))

    assert verdict(forged(change)) == "reference"


def test_row_41_a_manifest_or_object_is_refused():
    assert verdict(forged(adding("", f"{{{DS}}}Object"))) == "reference"


def test_row_41_the_signature_of_the_response_does_not_count_for_the_assertion():
    def change(root):
        signature = root.find(f"{{{DS}}}Signature")
        assertion_of(root).insert(1, signature)

    assert verdict(forged(change, sign=("response",))) == "reference"


@pytest.mark.parametrize(
    "algorithm",
    [
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
        EXCLUSIVE_C14N + "WithComments",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2000/09/xmldsig#base64",
    ],
    ids=lambda value: f"row-42 {value}",
)
def test_other_transforms_and_canonicalizations_are_refused_unevaluated(algorithm):
    def third(root):
        etree.SubElement(
            signature_of(root).find(f".//{{{DS}}}Transforms"), f"{{{DS}}}Transform", Algorithm=algorithm
        )

    def second(root):
        signature_of(root).findall(f".//{{{DS}}}Transform")[1].set("Algorithm", algorithm)

    assert verdict(forged(third)) == "transforms"
    assert verdict(forged(second)) == "transforms"
    assert verdict(forged(setting("CanonicalizationMethod", "Algorithm", algorithm))) == "c14n"


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha384", "sha512"], ids=lambda value: f"row-43 {value}")
def test_the_digest_of_nothing_is_never_accepted(name):
    empty = base64.b64encode(hashlib.new(name, b"").digest()).decode()

    def change(root):
        signature_of(root).find(f".//{{{DS}}}DigestValue").text = empty

    assert verdict(forged(change)) == "assertion_signature"


@pytest.mark.parametrize(
    "declaration",
    [b'xmlns:x="1"', b"xmlns:x='relative/path'", b'xmlns:x="../x"', b'xmlns:x = "1"', b'xmlns="1"'],
    ids=lambda value: f"row-43 {value.decode()}",
)
def test_a_namespace_on_which_canonicalization_fails_never_reaches_it(declaration):
    document = answered().replace(b"<saml:Assertion ", b"<saml:Assertion " + declaration + b" ", 1)
    assert verdict(document) == "xml_policy"


@pytest.mark.parametrize(
    ("attribute", "codes"),
    [
        (b'samlp:ID="_a"', ("structure", "duplicate_id")),
        (b'xml:id="_a"', ("structure", "duplicate_id")),
        (b'saml:id="_a"', ("structure", "duplicate_id")),
        (b'Id="_a"', ("duplicate_id",)),
        (b'id="_a"', ("duplicate_id",)),
    ],
    ids=lambda value: f"row-44 {value}",
)
def test_an_element_with_a_second_identity_is_refused(attribute, codes):
    for name in (b"<saml:Assertion ", b"<samlp:Response "):
        assert verdict(answered().replace(name, name + attribute + b" ", 1)) in codes


def test_row_44_an_identity_used_twice_is_refused():
    def change(root):
        root.find(f".//{{{SAML}}}AttributeValue").set("Id", assertion_of(root).get("ID"))

    assert verdict(answered(before_sign=change)) == "duplicate_id"


@pytest.mark.parametrize(
    "uri",
    [b"a/b:c", b"#a:b", b"?x:y", b"//host:1/", b"./:", b"1a:b", b" u:x", b"&#117;:x", b"u&#58;x"],
    ids=lambda value: f"row-43 {value.decode()}",
)
def test_a_colon_alone_makes_no_namespace_absolute(uri):
    for name in (b"<saml:Assertion ", b"<samlp:Response ", b"<saml:Subject"):
        document = answered().replace(name, name.strip() + b' xmlns:x="' + uri + b'" ', 1)
        assert verdict(document) == "xml_policy"


def test_a_namespace_of_any_scheme_is_no_harm():
    document = answered().replace(
        b"<saml:Subject>", b"<saml:Subject xmlns:x='a+b.c-1:/x' xmlns:y=\"u:x\">", 1
    )
    assert verdict(document) == "accepted"


def test_of_a_wrong_key_and_a_changed_document_it_is_said_which_it_is():
    with pytest.raises(Refused) as refused:
        decide(answered().replace(b"jane@acme", b"june@acme", 1))
    assert (refused.value.code, refused.value.detail) == ("assertion_signature", CHANGED)
    with pytest.raises(Refused) as refused:
        decide(answered(TestIdp(keys=key_pair("other"))))
    assert (refused.value.code, refused.value.detail) == ("assertion_signature", "")


def test_a_single_changed_character_anywhere_in_the_assertion_breaks_the_signature():
    assert verdict(answered().replace(b"jane@acme", b"june@acme", 1)) == "assertion_signature"
