"""Rows 49 to 52 of the attack catalogue: what comes out of decryption is as hostile as what came in."""

import base64

import pytest
from lxml import etree

from demo.idp_keys import encrypt, key_pair
from demo.idp_messages import TestIdp
from saml.names import SAML, SAMLP, XENC
from saml.refusals import Refused
from tests.saml.documents import OURS, answered, decide, verdict
from tests.saml.forgeries import assertion_of, evil_copy, forged, genuine

PEM = OURS.certificate_pem


def holding(plaintext, cipher="aes256-gcm", change=None, **knobs):
    """Return a response whose EncryptedAssertion opens to `plaintext`."""
    root = genuine(**knobs)
    data = encrypt(plaintext, PEM, cipher)
    holder = etree.fromstring(
        f'<saml:EncryptedAssertion xmlns:saml="{SAML}">{data}</saml:EncryptedAssertion>'
    )
    root.replace(assertion_of(root), holder)
    if change:
        change(holder)
    return etree.tostring(root)


INNER = etree.tostring(assertion_of(genuine()))


def test_row_49_an_unsigned_assertion_inside_an_unsigned_response_is_refused():
    document = answered(encrypt_for=PEM, sign=())
    assert {verdict(document, signed=policy) for policy in ("assertion", "either")} == {
        "assertion_not_signed"
    }
    assert {verdict(document, signed=policy) for policy in ("response", "both")} == {"response_not_signed"}


def test_row_49_an_unsigned_assertion_inside_a_signed_response_follows_the_policy():
    document = answered(encrypt_for=PEM, sign=("response",))
    assert verdict(document, signed="response") == "accepted"
    assert verdict(document, signed="assertion") == "assertion_not_signed"


def test_row_50_encrypted_and_plain_together_are_refused():
    root = etree.fromstring(answered(encrypt_for=PEM))
    root.append(assertion_of(genuine()))
    assert verdict(etree.tostring(root)) == "assertion_count"


def test_row_50_several_encrypted_are_refused():
    root = etree.fromstring(answered(encrypt_for=PEM))
    root.append(etree.fromstring(etree.tostring(root.find(f"{{{SAML}}}EncryptedAssertion"))))
    assert verdict(etree.tostring(root)) == "assertion_count"


@pytest.mark.parametrize(
    ("plaintext", "code"),
    [
        (etree.tostring(genuine()), "structure"),
        (INNER + INNER.replace(b'ID="_', b'ID="_x'), "structure"),
        (b"hello", "structure"),
        (b"", "structure"),
        (b"text" + INNER, "structure"),
        (INNER + b"text", "structure"),
        (b"</decrypted><decrypted>" + INNER, "decryption"),
        (f'<samlp:Response xmlns:samlp="{SAMLP}">'.encode() + INNER + b"</samlp:Response>", "structure"),
        (
            INNER.replace(
                b"</saml:Assertion>", b"<saml:Advice>" + b"<saml:Assertion/></saml:Advice></saml:Assertion>"
            ),
            "nested_assertion",
        ),
        (b'<!DOCTYPE x [<!ENTITY e "x">]>' + INNER, "decryption"),
        (b"<a>" * 60 + b"</a>" * 60, "decryption"),
        (b"\xff\xfe", "decryption"),
    ],
    ids=lambda value: f"row-51 {value[:20]!r}",
)
def test_only_one_assertion_may_come_out(plaintext, code):
    assert verdict(holding(plaintext)) == code


def test_row_51_an_identity_of_the_outer_document_may_not_come_out_again():
    root = genuine()
    taken = root.get("ID").encode()
    inner = INNER.replace(b"<saml:Issuer>", b'<saml:Issuer Id="' + taken + b'">', 1)
    data = encrypt(inner, PEM)
    holder = etree.fromstring(
        f'<saml:EncryptedAssertion xmlns:saml="{SAML}">{data}</saml:EncryptedAssertion>'
    )
    root.replace(assertion_of(root), holder)
    assert verdict(etree.tostring(root)) == "duplicate_id"


@pytest.mark.parametrize("cipher", ["aes128-cbc", "aes256-gcm"])
def test_the_ciphertext_that_authentik_leaves_in_an_assertion_under_its_name_means_nothing(cipher):
    def leave(root):
        assertion = assertion_of(root)
        dead = etree.SubElement(assertion, f"{{{XENC}}}EncryptedData", Id=assertion.get("ID"))
        etree.SubElement(dead, f"{{{XENC}}}CipherData")
        assertion.insert(1, dead)

    document = answered(before_sign=leave, encrypt_for=PEM, cipher=cipher)
    assert decide(document, allow_cbc=True).name_id.value == "jane@acme.example"
    assert verdict(answered(before_sign=leave)) == "accepted"


def test_row_44_a_ciphertext_by_the_name_of_the_assertion_is_never_what_was_signed():
    def pose(root):
        assertion = assertion_of(root)
        posing = etree.SubElement(root, f"{{{XENC}}}EncryptedData", Id=assertion.get("ID"))
        posing.append(evil_copy(assertion, "_evil", keep_signature=True).find(f"{{{SAML}}}Subject"))

    assert decide(forged(pose)).name_id.value == "jane@acme.example"

    def inside(root):
        pose(root)
        assertion_of(root).insert(1, root[-1])

    assert verdict(forged(inside)) == "assertion_signature"


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:9/key", "#_elsewhere", "", "file:///etc/passwd"], ids=lambda v: f"row-51 {v}"
)
def test_an_encrypted_key_by_reference_is_refused_and_not_fetched(uri):
    def change(holder):
        info = holder.find(f".//{{{XENC}}}EncryptedKey").getparent()
        etree.SubElement(info, "{http://www.w3.org/2000/09/xmldsig#}RetrievalMethod", URI=uri)

    assert verdict(holding(INNER, change=change)) == "structure"


def test_row_51_a_cipher_reference_is_refused_and_not_fetched():
    def change(holder):
        data = holder.find(f"{{{XENC}}}EncryptedData/{{{XENC}}}CipherData")
        data.remove(data[0])
        etree.SubElement(data, f"{{{XENC}}}CipherReference", URI="http://127.0.0.1:9/x")

    assert verdict(holding(INNER, change=change)) == "structure"


def altered(index, cipher):
    """Flip one bit of the ciphertext at `index`."""

    def change(holder):
        value = holder.find(f"{{{XENC}}}EncryptedData/{{{XENC}}}CipherData/{{{XENC}}}CipherValue")
        raw = bytearray(base64.b64decode(value.text))
        raw[index] ^= 1
        value.text = base64.b64encode(raw).decode()

    return holding(INNER, cipher, change)


def cut(length):
    def change(holder):
        value = holder.find(f"{{{XENC}}}EncryptedData/{{{XENC}}}CipherData/{{{XENC}}}CipherValue")
        value.text = base64.b64encode(base64.b64decode(value.text)[:length]).decode()

    return change


@pytest.mark.parametrize(
    "document",
    [
        altered(20, "aes256-gcm"),
        altered(-1, "aes256-gcm"),
        altered(40, "aes256-cbc"),
        altered(-20, "aes256-cbc"),
        holding(INNER, change=cut(10)),
        holding(INNER, "aes256-cbc", cut(40)),
        holding(INNER, "aes256-cbc", cut(16)),
        answered(encrypt_for=key_pair("stranger").certificate_pem),
        answered(encrypt_for=key_pair("stranger").certificate_pem, cipher="aes256-cbc"),
    ],
    ids=[f"row-52 {number}" for number in range(9)],
)
def test_every_fault_of_decryption_has_one_code(document):
    # A flipped bit in the middle of CBC leaves text that is well-formed; then the signature refuses it.
    assert verdict(document, allow_cbc=True) in {"decryption", "assertion_signature"}


@pytest.mark.parametrize("cipher", ["aes256-gcm", "aes256-cbc"], ids=lambda value: f"row-52 {value}")
def test_rsa_15_is_refused_by_name(cipher):
    assert verdict(answered(encrypt_for=PEM, transport="rsa15", cipher=cipher)) == "weak_key_transport"


def test_row_52_an_unknown_cipher_is_refused_by_name():
    def change(holder):
        holder.find(f".//{{{XENC}}}EncryptionMethod").set("Algorithm", XENC + "tripledes-cbc")

    assert verdict(holding(INNER, change=change)) == "weak_encryption"


def test_an_encrypted_assertion_without_our_key_is_refused():
    assert verdict(answered(encrypt_for=PEM), decryption_keys=()) == "no_decryption_key"


def test_a_plain_assertion_is_refused_where_encryption_is_required():
    assert verdict(answered(), encryption="required") == "not_encrypted"
    assert verdict(answered(encrypt_for=PEM), encryption="required") == "accepted"


@pytest.mark.parametrize("signed", [("response",), ("assertion", "response")], ids="+".join)
def test_a_response_that_was_signed_before_its_assertion_was_encrypted_says_so(signed):
    """Samlify's order as it comes: the key is the right one, and no certificate would help."""
    with pytest.raises(Refused) as refused:
        decide(holding(INNER, sign=signed))
    assert (refused.value.code, "encrypted after" in refused.value.detail) == ("response_signature", True)
    with pytest.raises(Refused) as refused:
        decide(answered(TestIdp(keys=key_pair("other")), sign=("response",)))
    assert (refused.value.code, refused.value.detail) == ("response_signature", "")
