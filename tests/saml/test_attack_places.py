"""Everything that an attacker can write or has captured, at every place of a genuine document: it is refused, or changes nothing.

The random mutations of `test_mutations.py` find such a document by luck; here each place has its turn.
"""

import copy
from itertools import product

import pytest
from lxml import etree

from demo.idp_keys import encrypt, key_pair
from demo.idp_messages import TestIdp
from saml.names import DS, SAML, SAMLP
from saml.refusals import CATALOGUE, Refused
from saml.verify import VerifiedAssertion
from tests.saml.documents import IDP, OURS, answered, decide
from tests.saml.forgeries import EVIL, SIGNATURE, assertion_of, evil_copy

ROLES = {"email": EVIL, "roles": ["organization_admin"]}
DOCUMENTS = {
    "assertion": answered(),
    "response": answered(sign=("response",)),
    "encrypted": answered(encrypt_for=OURS.certificate_pem),
}
CAPTURED = etree.fromstring(answered(attributes=ROLES, sign=("assertion", "response")))
WRITTEN = etree.fromstring(answered(TestIdp(IDP.entity_id, key_pair("attacker")), name_id=EVIL))
FORGED = evil_copy(assertion_of(CAPTURED))


def sealed():
    """Encrypt to our certificate, which is public."""
    data = encrypt(etree.tostring(FORGED), OURS.certificate_pem)
    return etree.fromstring(f'<s:EncryptedAssertion xmlns:s="{SAML}">{data}</s:EncryptedAssertion>')


def held(holder, element):
    around = etree.Element(holder)
    around.append(copy.deepcopy(element))
    return around


PIECES = {
    "a forged assertion": FORGED,
    "a forged assertion with a signature": evil_copy(assertion_of(CAPTURED), keep_signature=True),
    "an assertion signed by another key": assertion_of(WRITTEN),
    "a captured assertion": assertion_of(CAPTURED),
    "a captured response": CAPTURED,
    "a sealed assertion": sealed(),
    "a signature": assertion_of(CAPTURED).find(SIGNATURE),
    "an object": held(f"{{{DS}}}Object", assertion_of(CAPTURED)),
    "an extension": held(f"{{{SAMLP}}}Extensions", FORGED),
} | {
    name: FORGED.find(f".//{{{SAML}}}{name}")
    for name in ("NameID", "Subject", "SubjectConfirmation", "Conditions", "AuthnStatement", "Attribute", "Issuer")
}  # fmt: skip


def said(verified: VerifiedAssertion) -> tuple[object, ...]:
    return verified.name_id, verified.assertion_id, verified.attributes, verified.authentication


def put(root, place, piece, where):
    """Put a copy of the piece at a place and return the root, or None where that place has no neighbours."""
    at = root if place == "." else root.find(place)
    if where == "first":
        at.insert(0, piece)
    elif at is root:
        return None
    else:
        parent, number = at.getparent(), at.getparent().index(at)
        parent.insert(number, piece)
        if where == "instead":
            parent.remove(at)
    return root


@pytest.mark.parametrize("name", DOCUMENTS)
def test_whatever_stands_wherever_signed_values_are_read_or_none(name):
    document = DOCUMENTS[name]
    # A captured assertion in the place of the other one is a genuine document too.
    signed = [said(decide(document)), said(decide(etree.tostring(CAPTURED)))]
    root = etree.fromstring(document)
    places = [root.getroottree().getelementpath(element) for element in root.iter()]
    verdicts = set()
    for piece, place, where in product(PIECES, places, ("first", "before", "instead")):
        changed = put(copy.deepcopy(root), place, copy.deepcopy(PIECES[piece]), where)
        if changed is None:
            continue
        try:
            verified = decide(etree.tostring(changed))
        except Refused as refused:
            assert refused.code in CATALOGUE  # noqa: PT017 - refused with a code, or signed values below
            verdicts.add(refused.code)
        else:
            assert said(verified) in signed, (piece, place, where)
            verdicts.add("accepted")
    assert verdicts >= {"accepted", "nested_assertion", "structure", "assertion_count"}
