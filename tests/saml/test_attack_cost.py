"""Documents of which each byte is meant to cost time: a stranger posts them, and no key of ours has signed a word of it."""

import subprocess
import sys

import pytest

from demo.idp_logout import idp_metadata
from saml.names import EXCLUSIVE_C14N
from saml.signatures import PREFIX_LIST_CHARACTERS_MAX
from tests.saml.documents import IDP, answered, verdict

GOOD = answered()
METADATA = idp_metadata(IDP)
_EMPTY_STEP = b'<ds:Transform Algorithm="%s"/>' % EXCLUSIVE_C14N.encode()
_NAMESPACES = b"".join(
    b"<x " + b" ".join(b'xmlns:n%d_%d="u:%d"' % (depth, each, each) for each in range(300)) + b">"
    for depth in range(30)
)
_CERTIFICATE = IDP.keys.certificate_base64.encode()


def with_prefixes(prefixes: bytes, document: bytes = GOOD) -> bytes:
    """Return a document whose signature lists inclusive prefixes; each is looked for at every element."""
    listed = b'<i:InclusiveNamespaces xmlns:i="%s" PrefixList="%s"/>' % (EXCLUSIVE_C14N.encode(), prefixes)
    assert _EMPTY_STEP in document
    return document.replace(_EMPTY_STEP, _EMPTY_STEP[:-2] + b">" + listed + b"</ds:Transform>")


def within(inside: bytes) -> bytes:
    return GOOD.replace(b"<saml:Subject>", inside + b"<saml:Subject>", 1)


_NESTED = within(_NAMESPACES + b"<y/>" * 4_500 + b"</x>" * 30)
HEAVY = {
    "row-47 beginnings of namespaces in a text": (
        GOOD.replace(b"jane@", b"xmlns:" * 60_000, 1),
        "assertion_signature",
    ),
    "row-47 beginnings of namespaces in an attribute": (
        GOOD.replace(b'Version="2.0"', b'Version="2.0" a="' + b" xmlns:x" * 40_000 + b'"', 1),
        "accepted",
    ),
    "row-47 half a declaration": (within(b"<x> xmlns='a=" + b" " * 350_000 + b"</x>"), "assertion_signature"),
    "row-47 unknown prefixes at every element": (
        with_prefixes(b"a " * 100_000, within(b"<y/>" * 4_500)),
        "transforms",
    ),
    "row-47 as many unknown prefixes as may be": (
        with_prefixes(b"a " * (PREFIX_LIST_CHARACTERS_MAX // 2), _NESTED),
        "assertion_signature",
    ),
    "row-47 namespaces in namespaces": (_NESTED, "assertion_signature"),
    "row-47 attributes of one element": (
        within(b"<y " + b" ".join(b'a%d=""' % each for each in range(9_900)) + b"/>"),
        "too_large",
    ),
}
# The readers of certificates meet these in metadata, where a tenant's administrator puts them.
BEGINNINGS = METADATA.replace(_CERTIFICATE, b"-----BEGIN CERTIFICATE-----" * 740)


@pytest.mark.parametrize("prefixes", [b"a", b"a" * PREFIX_LIST_CHARACTERS_MAX])
def test_a_prefix_list_that_was_not_signed_is_not_followed(prefixes):
    assert verdict(with_prefixes(prefixes)) == "assertion_signature"
    assert verdict(with_prefixes(prefixes + b"a" * PREFIX_LIST_CHARACTERS_MAX)) == "transforms"


def test_row_47_hostile_documents_take_little_time():
    """Refuse all of them, many times over, in one process that is killed when it takes half a minute of the processor.

    It takes three seconds. When they were found the first took minutes, the prefixes twelve seconds, the certificates twenty, the
    attributes of one element half a second each time.
    """
    program = """
import resource
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
from saml import metadata
from saml.refusals import Refused
from tests.saml.documents import verdict
from tests.saml.test_attack_cost import BEGINNINGS, HEAVY
for name, (document, code) in HEAVY.items():
    assert verdict(document) == code, (name, verdict(document))
for each in range(200):
    assert verdict(HEAVY["row-47 attributes of one element"][0]) == "too_large"
for each in range(300):
    try:
        metadata.read(BEGINNINGS)
    except Refused as refused:
        assert refused.code == "metadata_no_key", refused
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
