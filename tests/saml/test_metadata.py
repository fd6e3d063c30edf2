"""The identity provider's metadata and certificates, read as the hostile files they may be (rows 62 and 63)."""

import re
import textwrap
from datetime import UTC, datetime, timedelta

import pytest

from demo.idp_keys import KeyPair, certify, key_pair
from demo.idp_logout import idp_metadata
from demo.idp_messages import TestIdp
from saml import certificates, metadata
from saml.refusals import Refused
from tests.saml.documents import IDP

GOOD = idp_metadata(IDP)


def code_of(document, **how):
    try:
        metadata.read(document, **how)
    except Refused as refused:
        return refused.code
    return "accepted"


def test_everything_is_found():
    new, hidden = key_pair("next"), key_pair("enc")
    found = metadata.read(idp_metadata(IDP, more_signing=(new,), encryption=(hidden,)))
    assert (found.entity_id, found.sso_url, found.sso_binding) == (IDP.entity_id, IDP.sso_url, "redirect")
    assert (found.slo_url, found.slo_binding) == (IDP.slo_url, "redirect")
    assert [
        (each.use, certificates.read(each.pem).subject.rfc4514_string()) for each in found.certificates
    ] == [
        ("signing", "CN=idp"),
        ("signing", "CN=next"),
        ("encryption", "CN=enc"),
    ]


def test_the_post_binding_alone_will_do_and_soap_is_never_chosen():
    found = metadata.read(idp_metadata(IDP, binding="HTTP-POST"))
    assert (found.sso_binding, found.slo_binding, found.slo_url) == ("post", "post", IDP.slo_url)
    assert metadata.read(idp_metadata(IDP, slo=False)).slo_url == ""


def test_a_binding_that_is_asked_for_chooses_its_own_addresses():
    elsewhere = TestIdp(sso_url=f"{IDP.sso_url}/post", slo_url=f"{IDP.slo_url}/post")
    offered = (
        idp_metadata(elsewhere, binding="HTTP-POST").partition(b"<md:Single")[2].rpartition(b"</md:IDP")[0]
    )
    both = GOOD.replace(b"</md:IDPSSODescriptor>", b"<md:Single" + offered + b"</md:IDPSSODescriptor>")
    found = metadata.read(both, sso_binding="post", slo_binding="post")
    assert (found.sso_binding, found.sso_url) == ("post", elsewhere.sso_url)
    assert (found.slo_binding, found.slo_url) == ("post", elsewhere.slo_url)
    assert metadata.read(both) == metadata.read(GOOD)
    for asked in ({"sso_binding": "post"}, {"slo_binding": "post"}):
        with pytest.raises(Refused, match="metadata_endpoint"):
            metadata.read(GOOD, **asked)
    assert metadata.read(idp_metadata(IDP, slo=False), slo_binding="post").slo_url == ""


def test_comments_and_an_enclosing_element_are_allowed():
    wrapped = (
        b'<?xml version="1.0"?><!-- by hand --><md:EntitiesDescriptor '
        b'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">' + GOOD + b"</md:EntitiesDescriptor>"
    )
    assert metadata.read(wrapped).entity_id == IDP.entity_id


def test_an_expired_certificate_is_taken_with_a_warning():
    found = metadata.read(idp_metadata(TestIdp(keys=key_pair("past", days=-700))))
    assert [warning.partition(":")[0] for warning in found.warnings] == ["certificate_expired"]


ENTITIES = b'<e:EntitiesDescriptor xmlns:e="urn:oasis:names:tc:SAML:2.0:metadata">'
# As LemonLDAP::NG publishes its key until it is given a certificate.
BARE_KEY = re.sub(
    rb"<ds:X509Data>.*?</ds:X509Data>",
    b"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>7mub</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>",
    GOOD,
    flags=re.DOTALL,
)


def renewed(days):
    """Return the identity provider's key under another certificate."""
    return KeyPair(IDP.keys.private, certify(IDP.keys.private, "idp", days))


OTHER = TestIdp(entity_id="https://other.example/idp", sso_url="https://other.example/sso")
TWO = ENTITIES + GOOD + idp_metadata(OTHER) + b"</e:EntitiesDescriptor>"
DECLARED = b'<?xml version="1.0" encoding="UTF-8"?>' + GOOD
CASES = [
    ("good", GOOD, "accepted"),
    ("pasted with a line before", b"\r\n\xef\xbb\xbf \n" + DECLARED, "accepted"),
    ("its address", b" https://idp.example.com/metadata", "metadata_elsewhere"),
    ("a certificate", IDP.keys.certificate_pem.encode(), "metadata_elsewhere"),
    ("a bare certificate", b"MIIC", "metadata_elsewhere"),
    (
        "row-63 external entity",
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + GOOD,
        "xml_policy",
    ),
    ("row-63 lower-case doctype", b"<!doctype x>" + GOOD, "xml_policy"),
    ("row-63 doctype in UTF-16", ("<!DOCTYPE x>" + GOOD.decode()).encode("utf-16"), "metadata_encoding"),
    ("as PowerShell saves it", GOOD.decode().encode("utf-16"), "metadata_encoding"),
    (
        "row-63 bomb",
        b'<!DOCTYPE x [<!ENTITY a "' + b"x" * 9999 + b'">]><x>' + b"&a;" * 999 + b"</x>",
        "xml_policy",
    ),
    ("row-63 too large", b"<x>" + b" " * 2_100_000 + b"</x>", "metadata_large"),
    ("row-63 deep", b"<a>" * 5000 + b"</a>" * 5000, "metadata_xml"),
    ("row-63 two identity providers", ENTITIES + GOOD + GOOD + b"</e:EntitiesDescriptor>", "metadata_many"),
    ("row-63 service provider only", idp_metadata(IDP, role="SPSSODescriptor"), "metadata_kind"),
    ("row-63 expired", idp_metadata(IDP, valid_until="2020-01-01T00:00:00Z"), "metadata_expired"),
    ("until when is no time", idp_metadata(IDP, valid_until="tomorrow"), "metadata_xml"),
    ("row-63 http", idp_metadata(TestIdp(sso_url="http://idp.example.com/")), "metadata_endpoint"),
    ("row-63 javascript", idp_metadata(TestIdp(sso_url="javascript:alert(1)")), "metadata_endpoint"),
    ("row-63 file", idp_metadata(TestIdp(slo_url="file:///etc/passwd")), "metadata_endpoint"),
    ("row-63 no key", GOOD.replace(b'use="signing"', b'use="encryption"'), "metadata_no_key"),
    ("row-63 artifact only", idp_metadata(IDP, binding="HTTP-Artifact"), "metadata_endpoint"),
    ("row-63 SAML 1", GOOD.replace(b"SAML:2.0:protocol", b"SAML:1.1:protocol"), "metadata_kind"),
    ("row-63 no name", GOOD.replace(IDP.entity_id.encode(), b""), "metadata_kind"),
    ("not XML", b"hello", "metadata_xml"),
    ("JSON", b'{"error": "not found"}', "metadata_xml"),
    ("nothing", b"", "metadata_xml"),
    ("a sign-in page", b"\n<!doctype html>\n<html><body>Sign in</body></html>", "metadata_page"),
    ("a page of old", b'<?xml version="1.0"?>\n<HTML><body>Sign in</body></HTML>', "metadata_page"),
    ("a bare key", BARE_KEY, "metadata_bare_key"),
    (
        "row-63 doctype in UTF-7",
        b'<?xml version="1.0" encoding="UTF-7"?>'
        + b'<!DOCTYPE x [<!ENTITY e "x">]>'.replace(b"<", b"+ADw-").replace(b"!", b"+ACE-")
        + GOOD.replace(b"+", b"+-"),
        "xml_policy",
    ),
    (
        "row-63 too many certificates",
        idp_metadata(IDP, more_signing=tuple(renewed(days) for days in range(1, metadata.KEYS_MAX + 1))),
        "metadata_many_keys",
    ),
    ("a key that is too short", idp_metadata(TestIdp(keys=key_pair("short", bits=1024))), "weak_key"),
]


@pytest.mark.parametrize(("document", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_code_says_what_is_wrong(document, code):
    assert code_of(document) == code


def test_one_of_several_is_taken_where_its_name_is_given():
    found = metadata.read(TWO, wanted=OTHER.entity_id)
    assert (found.entity_id, found.sso_url) == (OTHER.entity_id, OTHER.sso_url)
    assert metadata.read(TWO, wanted=f" {IDP.entity_id} ").entity_id == IDP.entity_id
    assert code_of(TWO, wanted="") == "metadata_many"
    with pytest.raises(Refused, match=r"third\.example/idp is not one of them"):
        metadata.read(TWO, wanted="https://third.example/idp")
    spaced = TWO.replace(IDP.entity_id.encode(), b" " + IDP.entity_id.encode())
    assert metadata.read(spaced, wanted=IDP.entity_id).entity_id == IDP.entity_id
    assert code_of(
        TWO.replace(b"https://other.example/idp", IDP.entity_id.encode()), wanted=IDP.entity_id
    ) == ("metadata_many")


def test_a_single_one_is_taken_whatever_name_was_given():
    """Whether the name has changed is for whoever compares it with the connection's (row 63)."""
    assert metadata.read(GOOD, wanted="https://third.example/idp").entity_id == IDP.entity_id


def test_the_end_of_the_others_does_not_matter():
    gone = idp_metadata(OTHER, valid_until="2020-01-01T00:00:00Z")
    document = ENTITIES + GOOD + gone + b"</e:EntitiesDescriptor>"
    assert code_of(document, wanted=IDP.entity_id) == "accepted"
    assert code_of(document, wanted=OTHER.entity_id) == "metadata_expired"


def test_a_key_that_is_too_short_beside_a_good_one_is_a_warning():
    found = metadata.read(idp_metadata(IDP, more_signing=(key_pair("short", bits=1024),)))
    assert [warning.partition(":")[0] for warning in found.warnings] == ["weak_key"]
    hidden = metadata.read(idp_metadata(IDP, encryption=(key_pair("short", bits=1024),)))
    assert len(hidden.certificates) == 2


def test_metadata_is_good_until_its_end():
    end = datetime(2030, 1, 1, tzinfo=UTC)
    document = idp_metadata(IDP, valid_until="2030-01-01T00:00:00Z")
    assert code_of(document, now=end - timedelta(seconds=1)) == "accepted"
    assert code_of(document, now=end) == "metadata_expired"


@pytest.mark.parametrize(
    "url",
    [
        "https://idp.example.com/x?y=1",
        "https://idp_1.ex\u00e4mple:8443/a;b'c",
        "http://localhost:9000/sso",
        "http://127.0.0.1/",
        "http://[::1]/",
    ],
)
def test_addresses_that_a_browser_may_be_sent_to(url):
    assert metadata.check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "idp.example.com",
        "https://",
        "https://a b/\n",
        "https://u:p@x.example/",
        "http://10.0.0.1/",
        "https://x/" + "y" * 2000,
        "https://idp.example;script-src */",
        "https://idp.example'none'/",
        "https://idp.example\\.acme.example/",
        "https://idp.example%0a/",
        "https://*/",
        "https://idp.example:port/",
        "https://[::1%25eth0]/",
    ],
)
def test_addresses_that_it_may_not(url):
    with pytest.raises(Refused):
        metadata.check_url(url)


BARE = IDP.keys.certificate_base64
PEM = IDP.keys.certificate_pem


@pytest.mark.parametrize(
    "text",
    [
        PEM,
        PEM.replace("\n", "\r\n"),
        PEM.replace("\n", "\\n"),
        "Subject: x\n" + PEM + "\n" + key_pair("next").certificate_pem,
        BARE,
        "\n".join(textwrap.wrap(BARE, 64)),
        "  " + BARE + "  ",
        BARE.rstrip("="),
        PEM.replace("CERTIFICATE", "X509 CERTIFICATE"),
    ],
    ids=["PEM", "CRLF", "escaped", "among text", "bare", "wrapped", "spaces", "unpadded", "X509"],
)
def test_row_62_certificates_are_read_however_they_are_pasted(text):
    assert certificates.read(text) == IDP.keys.certificate


@pytest.mark.parametrize(
    "text", ["", "hello", "AAAA", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n", "x" * 20_001, BARE[:-40]]
)
def test_what_is_no_certificate_is_refused(text):
    with pytest.raises(Refused) as refused:
        certificates.read(text)
    assert refused.value.code == "metadata_certificate"
