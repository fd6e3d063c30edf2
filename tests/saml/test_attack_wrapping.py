"""Rows 1 to 11 and 53 of the attack catalogue: wrapped, hidden, doubled and missing signatures."""

import pytest
from lxml import etree

from saml.names import SAML
from tests.saml import forgeries
from tests.saml.documents import answered, decide, verdict
from tests.saml.forgeries import forged, hidden_in, stripped

BOTH = ("assertion", "response")
WRAPPINGS = [
    ("row-01 XSW1", forgeries.xsw1, ("response",), {"duplicate_id", "nested_assertion"}),
    ("row-01 XSW2", forgeries.xsw2, ("response",), {"duplicate_id", "nested_assertion"}),
    ("row-02 XSW3", forgeries.xsw3, ("assertion",), {"assertion_count"}),
    ("row-03 XSW4", forgeries.xsw4, ("assertion",), {"nested_assertion"}),
    ("row-03 XSW5", forgeries.xsw5, ("assertion",), {"assertion_count"}),
    ("row-03 XSW6", forgeries.xsw6, ("assertion",), {"nested_assertion"}),
    ("row-03 XSW8", forgeries.xsw8, ("assertion",), {"nested_assertion"}),
    ("row-04 XSW7", forgeries.xsw7, ("assertion",), {"nested_assertion"}),
    ("row-05 Advice", hidden_in("Advice"), ("assertion",), {"nested_assertion"}),
    ("row-05 AttributeValue", hidden_in("AttributeValue"), ("assertion",), {"nested_assertion"}),
    ("row-05 StatusDetail", hidden_in("StatusDetail"), ("assertion",), {"nested_assertion"}),
    ("row-05 Extensions", hidden_in("Extensions"), ("assertion",), {"nested_assertion"}),
    ("row-06 two documents", forgeries.two_documents, BOTH, {"nested_assertion"}),
    ("row-07 two signatures", forgeries.second_signature, ("assertion",), {"signature_count"}),
]


@pytest.mark.parametrize(
    ("change", "sign", "codes"), [w[1:] for w in WRAPPINGS], ids=[w[0] for w in WRAPPINGS]
)
@pytest.mark.parametrize("policy", ["assertion", "response", "either", "both"])
def test_wrapping_is_refused_under_every_policy(change, sign, codes, policy):
    assert verdict(forged(change, sign=sign), signed=policy) in codes


@pytest.mark.parametrize(
    ("where", "policy", "code"),
    [
        (("assertion",), "assertion", "assertion_not_signed"),
        (("assertion",), "both", "assertion_signature"),
        (("response",), "response", "response_not_signed"),
        (("response",), "both", "response_not_signed"),
        (("assertion", "response"), "either", "assertion_not_signed"),
        (("assertion", "response"), "assertion", "assertion_not_signed"),
    ],
    ids=lambda value: f"row-08 {value}",
)
def test_stripped_signatures_are_refused(where, policy, code):
    sign = ("assertion", "response") if policy == "both" or len(where) == 2 else where
    document = forged(stripped(*where), sign=sign)
    if policy == "both" and where == ("assertion",):
        # Cutting the inner signature breaks the outer one, which is looked at first.
        code = "response_signature"
    assert verdict(document, signed=policy) == code


def test_row_09_a_connection_without_certificates_trusts_nothing():
    assert verdict(answered(sign=()), idp_keys=()) == "no_trust"
    assert verdict(answered(), idp_keys=()) == "no_trust"


def test_row_10_an_unsigned_assertion_counts_only_inside_a_signed_response_and_where_the_policy_says_so():
    document = answered(sign=("response",))
    verdicts = {
        policy: verdict(document, signed=policy) for policy in ("response", "either", "assertion", "both")
    }
    assert verdicts == {
        "response": "accepted",
        "either": "accepted",
        "assertion": "assertion_not_signed",
        "both": "assertion_not_signed",
    }


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Destination", "https://evil.example/acs", "destination"),
        ("InResponseTo", "_other", "in_response_to"),
        ("Version", "1.1", "version"),
    ],
    ids=lambda value: f"row-11 {value}",
)
def test_attributes_of_an_unsigned_response_are_the_attackers_and_must_agree(name, value, code):
    assert verdict(forged(lambda root: root.set(name, value))) == code


def test_row_11_the_unsigned_responses_issuer_must_agree():
    def change(root):
        root.find(f"{{{SAML}}}Issuer").text = "https://evil.example"

    assert verdict(forged(change)) == "issuer_mismatch"


def test_row_53_a_signed_advice_with_an_assertion_inside_is_refused_and_never_read():
    def advise(root):
        advice = etree.SubElement(forgeries.assertion_of(root), f"{{{SAML}}}Advice")
        inner = etree.SubElement(advice, f"{{{SAML}}}Assertion", ID="_inner", Version="2.0")
        statement = etree.SubElement(inner, f"{{{SAML}}}AttributeStatement")
        attribute = etree.SubElement(statement, f"{{{SAML}}}Attribute", Name="roles")
        etree.SubElement(attribute, f"{{{SAML}}}AttributeValue").text = "organization_admin"

    assert verdict(answered(before_sign=advise)) == "nested_assertion"


def test_what_stands_inside_a_signature_is_never_read():
    def smuggle(root):
        signature = forgeries.assertion_of(root).find(forgeries.SIGNATURE)
        statement = etree.SubElement(signature[-1], f"{{{SAML}}}AttributeStatement")
        attribute = etree.SubElement(statement, f"{{{SAML}}}Attribute", Name="roles")
        etree.SubElement(attribute, f"{{{SAML}}}AttributeValue").text = "organization_admin"

    # KeyInfo is not covered by the enveloped signature, so this document is still genuine.
    assert decide(forged(smuggle)).attributes == {"email": ("jane@acme.example",)}
