"""Rows 45 to 48 of the attack catalogue: what a hostile document may not do to the parser."""

import base64
import subprocess
import sys

import pytest

from saml.refusals import Refused
from saml.xml import BASE64_BYTES_MAX, decode, parse, read_response
from tests.saml.documents import answered, verdict

GOOD = answered()
OPEN = b'<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Version="2.0">'
CLOSE = b"</samlp:Response>"

DOCUMENTS = [
    ("row-45 DOCTYPE", b"<!DOCTYPE x>" + GOOD, "xml_policy"),
    ("row-45 entity", b'<!DOCTYPE x [<!ENTITY e "jane">]>' + GOOD, "xml_policy"),
    ("row-45 lower-case doctype", b"<!doctype x>" + GOOD, "xml_policy"),
    ("row-45 UTF-16", GOOD.decode().encode("utf-16"), "encoding"),
    ("row-45 UTF-7 declared", b'<?xml version="1.0" encoding="UTF-7"?>' + GOOD, "xml_policy"),
    ("row-45 Latin-1 declared", b'<?xml version="1.0" encoding="ISO-8859-1"?>' + GOOD, "xml_policy"),
    ("row-45 XML 1.1", b'<?xml version="1.1"?>' + GOOD, "xml_policy"),
    ("row-45 declaration after a space", b' <?xml version="1.0"?>' + GOOD, "xml_policy"),
    ("row-45 stylesheet", b'<?xml-stylesheet href="http://127.0.0.1:9/"?>' + GOOD, "xml_policy"),
    (
        "row-46 external entity",
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        "xml_policy",
    ),
    ("row-46 external DTD", b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>', "xml_policy"),
    (
        "row-46 parameter entity",
        b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/">%p;]><x/>',
        "xml_policy",
    ),
    (
        "row-46 XInclude",
        OPEN + b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>' + CLOSE,
        "structure",
    ),
    ("row-46 undeclared entity", GOOD.replace(b"jane@", b"&jane;@", 1), "malformed_xml"),
    (
        "row-47 entity bomb",
        b'<!DOCTYPE x [<!ENTITY a "' + b"x" * 9999 + b'">]><x>' + b"&a;" * 999 + b"</x>",
        "xml_policy",
    ),
    ("row-47 elements", OPEN + b"<a/>" * 20_000 + CLOSE, "too_large"),
    ("row-47 attributes", b"<x " + b" ".join(b'a%d=""' % i for i in range(30_000)) + b"/>", "too_large"),
    (
        "row-47 namespaces",
        b"<x " + b" ".join(b'xmlns:a%d="u:%d"' % (i, i) for i in range(12_000)) + b"/>",
        "too_large",
    ),
    ("row-47 deep", b"<a>" * 4_000 + b"</a>" * 4_000, "too_large"),
    ("row-47 41 deep", OPEN + b"<a>" * 40 + b"</a>" * 40 + CLOSE, "too_large"),
    ("not XML", b"hello", "malformed_xml"),
    ("cut short", GOOD[:-20], "malformed_xml"),
    ("two roots", GOOD + GOOD, "malformed_xml"),
    ("a NUL", GOOD.replace(b"jane", b"ja\0ne", 1), "malformed_xml"),
    ("another root", b"<x/>", "structure"),
    ("an undeclared prefix", b"<saml:Response/>", "malformed_xml"),
]


@pytest.mark.parametrize(("document", "code"), [d[1:] for d in DOCUMENTS], ids=[d[0] for d in DOCUMENTS])
def test_hostile_xml_is_refused_before_any_work(document, code):
    assert verdict(document) == code


@pytest.mark.parametrize(
    ("encoded", "code"),
    [
        ("", "encoding"),
        ("%%%%", "encoding"),
        ("QUJ", "encoding"),
        ("QUJD!", "encoding"),
        ("QU=JD", "encoding"),
        ("ÄÖÜß", "encoding"),
        ("Q" * (BASE64_BYTES_MAX + 4), "too_large"),
    ],
    ids=lambda value: f"row-48 {value[:10]}",
)
def test_a_form_field_that_is_no_base64_is_refused(encoded, code):
    with pytest.raises(Refused) as refused:
        read_response(encoded)
    assert refused.value.code == code


def test_row_48_line_breaks_in_base64_are_no_harm():
    assert decode(base64.encodebytes(GOOD)) == GOOD


def test_row_47_hostile_documents_take_little_memory():
    """Refuse all of them in one process whose peak grows by less than 20 MB, lxml's own pools included."""
    program = """
import resource
from tests.saml.test_attack_parser import DOCUMENTS
from saml.refusals import Refused
from saml.xml import parse
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
for name, document, code in DOCUMENTS:
    if name.startswith("row-47"):
        try:
            parse(document)
        except Refused:
            pass
print(peak() - before)
"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(out.stdout) < 20_000


def test_a_document_at_the_limits_is_still_parsed():
    assert len(parse(OPEN + b"<a/>" * 4_900 + CLOSE).root) == 4_900
