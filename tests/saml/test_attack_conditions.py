"""Rows 12 to 37, 54 and 55 of the attack catalogue, as far as they need no database: for whom, when, in answer to what."""

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from demo.idp_keys import key_pair
from demo.idp_messages import TestIdp
from saml.names import SAML
from tests.saml.documents import ACS, ENTITY_ID, IDP, NOW, REQUEST, answered, decide, verdict
from tests.saml.forgeries import assertion_of, forged, replaced

OTHER_IDP = TestIdp("https://other.example/idp", key_pair("other"))
NAME = b"jane@acme.example</saml:NameID>"


def without(name):
    def change(root):
        element = root.find(f".//{{{SAML}}}{name}")
        element.getparent().remove(element)

    return change


def setting(name, value):
    def change(root):
        assertion_of(root).set(name, value or "")
        if value is None:
            del assertion_of(root).attrib[name]

    return change


def naming(old, new):
    def change(root):
        root.find(f".//{{{SAML}}}{old}").tag = f"{{{SAML}}}{new}"

    return change


CASES = [
    (
        "row-12 comment in the NameID",
        replaced(NAME, b"jane@acme.example<!---->.evil</saml:NameID>"),
        "xml_policy",
    ),
    ("row-12 comment elsewhere", replaced(b"<samlp:Status>", b"<!-- x --><samlp:Status>"), "xml_policy"),
    (
        "row-13 instruction in the NameID",
        replaced(NAME, b"jane@acme.example<?x y?>.evil</saml:NameID>"),
        "xml_policy",
    ),
    (
        "row-12 CDATA in the NameID",
        replaced(NAME, b"<![CDATA[jane@acme.example]]></saml:NameID>"),
        "xml_policy",
    ),
    ("row-14 another audience", answered(audience="https://other.example"), "audience"),
    ("row-14 audience in capitals", answered(audience=ENTITY_ID.upper()), "audience"),
    ("row-15 no restriction", answered(audience=None), "audience_missing"),
    ("row-15 no conditions", answered(before_sign=without("Conditions")), "audience_missing"),
    ("row-16 ours in one of two", answered(audience=[[ENTITY_ID], ["https://other.example"]]), "audience"),
    ("row-17 another recipient", answered(recipient="https://rollcall.example/saml2/0191/acs"), "recipient"),
    ("row-17 no recipient", answered(recipient=None), "recipient"),
    ("row-18 the entity id as recipient", answered(recipient=ENTITY_ID), "recipient"),
    ("row-19 another destination", answered(destination="https://rollcall.example/"), "destination"),
    ("row-20 no destination, signed", answered(destination=None, sign=("response",)), "destination_missing"),
    ("row-21 expired", answered(valid_seconds=-61), "expired"),
    ("row-21 expired at the boundary", answered(valid_seconds=-60), "expired"),
    ("row-21 inside the skew", answered(valid_seconds=-59), "accepted"),
    ("row-21 not yet valid", answered(early_seconds=-61), "not_yet_valid"),
    ("row-21 early inside the skew", answered(early_seconds=-60), "accepted"),
    ("row-22 bearer expired", answered(bearer_seconds=-60), "expired"),
    ("row-22 bearer without end", answered(bearer_seconds=None), "bearer_no_expiry"),
    (
        "row-22 bearer with begin",
        answered(bearer_extra='NotBefore="2026-11-22T03:59:00Z"'),
        "bearer_not_before",
    ),
    ("row-23 session over", answered(session_seconds=-60), "session_expired"),
    ("row-23 session just over, inside the skew", answered(session_seconds=0), "session_expired"),
    ("row-23 session almost over", answered(session_seconds=1), "accepted"),
    ("row-24 no confirmation", answered(before_sign=without("SubjectConfirmation")), "no_bearer"),
    ("row-24 no data", answered(before_sign=without("SubjectConfirmationData")), "no_bearer"),
    (
        "row-24 holder of key",
        answered(bearer_method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"),
        "no_bearer",
    ),
    (
        "row-24 sender vouches",
        answered(bearer_method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"),
        "no_bearer",
    ),
    ("row-27 unknown request", answered(request_id="_unknown"), "in_response_to"),
    ("row-27 differs", answered(bearer_request_id="_other"), "in_response_to"),
    ("row-27 only in the response", answered(bearer_request_id=None), "in_response_to"),
    ("row-29 unsolicited", answered(request_id=None), "unsolicited"),
    ("row-31 another identity provider", answered(OTHER_IDP), "issuer_mismatch"),
    ("row-32 another key, our issuer", answered(TestIdp(keys=key_pair("other"))), "assertion_signature"),
    (
        "row-32 another key, response signed",
        answered(TestIdp(keys=key_pair("other")), sign=("response",)),
        "response_signature",
    ),
    (
        "row-34 response of B, assertion of A",
        answered(response_issuer="https://other.example/idp"),
        "issuer_mismatch",
    ),
    (
        "row-36 made for a sister connection",
        answered(audience=ENTITY_ID + "x", recipient=ACS + "x"),
        "audience",
    ),
    ("row-54 NameID of 1025 characters", answered(name_id="x" * 1025), "value_too_long"),
    ("row-54 NameID of 1024 characters", answered(name_id="x" * 1024), "accepted"),
    ("row-54 a huge attribute", answered(attributes={"a": "x" * 4097}), "value_too_long"),
    ("row-54 too many values", answered(attributes={"a": ["x"] * 2001}), "value_too_long"),
    ("no NameID", answered(name_id=None), "name_id_missing"),
    ("an empty NameID", answered(name_id=" "), "name_id_missing"),
    (
        "row-55 refused, yet an assertion",
        answered(status="urn:oasis:names:tc:SAML:2.0:status:Responder"),
        "status",
    ),
    ("an assertion of SAML 1.1", answered(before_sign=setting("Version", "1.1")), "version"),
    ("an assertion of no version", answered(before_sign=setting("Version", None)), "version"),
    ("no ID", answered(before_sign=setting("ID", None), sign=("response",)), "structure"),
    ("an empty ID", answered(before_sign=setting("ID", ""), sign=("response",)), "structure"),
    (
        "an encrypted attribute",
        answered(attributes={"a": "x"}, before_sign=naming("Attribute", "EncryptedAttribute")),
        "encrypted_attribute",
    ),
    ("no statement of sign-in", answered(before_sign=without("AuthnStatement")), "authn_statement"),
]


@pytest.mark.parametrize(("document", "code"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_code_says_what_is_wrong(document, code):
    assert verdict(document) == code


@pytest.mark.parametrize("later", ["_request-1", None], ids=["answers", "answers nothing"])
def test_an_assertion_of_two_confirmations_is_remembered_until_the_last_is_over(later):
    """The second one could be shown, for another request or none, when the first is over and forgotten."""

    def change(root):
        first = root.find(f".//{{{SAML}}}SubjectConfirmation")
        second = copy.deepcopy(first)
        second[0].set("NotOnOrAfter", "2036-01-01T00:00:00Z")
        if later is None:
            del second[0].attrib["InResponseTo"]
        first.addnext(second)
        del root.find(f".//{{{SAML}}}Conditions").attrib["NotOnOrAfter"]

    assert decide(answered(before_sign=change)).not_on_or_after == datetime(2036, 1, 1, tzinfo=UTC)


def test_row_20_a_missing_destination_can_be_waived():
    document = answered(destination=None, sign=("response",))
    assert verdict(document, destination_waived=True) == "accepted"


def test_row_28_a_stolen_unsolicited_assertion_cannot_be_given_a_request():
    document = forged(lambda root: root.set("InResponseTo", REQUEST.request_id), request_id=None)
    assert verdict(document, allow_idp_initiated=True) == "in_response_to"


def test_beginning_at_the_identity_provider_is_no_way_around_the_method_that_is_asked_for():
    policy = {"allow_idp_initiated": True, "authn_contexts": ("urn:strong",), "request": None}
    assert verdict(answered(request_id=None), **policy) == "authn_context"
    assert verdict(answered(request_id=None, context_class="urn:strong"), **policy) == "accepted"


def test_row_28_nor_can_a_solicited_one_be_stripped_of_its_request():
    def strip(root):
        del root.attrib["InResponseTo"]

    assert verdict(forged(strip), allow_idp_initiated=True) == "in_response_to"


def test_row_30_a_response_in_another_browser_is_refused():
    assert verdict(answered(), request=replace(REQUEST, same_browser=False)) == "browser_binding"


def test_a_request_that_is_too_old_is_refused():
    assert verdict(answered(), request=replace(REQUEST, expires_at=NOW)) == "request_expired"


def test_row_33_a_request_of_another_connection_is_no_request_of_ours():
    assert verdict(answered(), request=None) == "in_response_to"


def test_row_37_a_shared_issuer_is_told_apart_by_key_and_audience():
    twin = TestIdp(IDP.entity_id, key_pair("twin"))
    assert verdict(answered(twin)) == "assertion_signature"
    assert verdict(answered(audience="https://rollcall.example/saml2/0191/metadata")) == "audience"


def test_row_54_a_long_name_id_is_read_whole():
    assert len(decide(answered(name_id="x" * 1024)).name_id.value) == 1024


def test_row_55_nothing_but_the_reason_is_read_from_a_refusal_of_the_identity_provider():
    def drop(root):
        root.remove(assertion_of(root))

    document = forged(drop, sign=(), status="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed")
    assert verdict(document) == "status_authn_failed"


@pytest.mark.parametrize(
    "written", ["2026-11-22 04:05:00Z", "tomorrow", "2026-13-45T00:00:00Z", "99999-01-01T00:00:00Z", ""]
)
def test_a_time_that_is_none_is_refused_as_structure(written):
    def change(root):
        root.find(f".//{{{SAML}}}Conditions").set("NotOnOrAfter", written)

    assert verdict(answered(before_sign=change)) == "structure"


def test_a_time_without_zone_is_utc():
    def change(root):
        root.find(f".//{{{SAML}}}Conditions").set("NotOnOrAfter", "2026-11-22T04:05:00")

    document = answered(before_sign=change)
    assert verdict(document) == "accepted"
    assert verdict(document, now=NOW + timedelta(minutes=6, seconds=1)) == "expired"


def test_the_end_of_time_is_no_crash():
    def change(root):
        root.find(f".//{{{SAML}}}Conditions").set("NotOnOrAfter", "9999-12-31T23:59:59.9999999Z")

    assert verdict(answered(before_sign=change)) == "accepted"
    assert verdict(answered(before_sign=change), now=NOW + timedelta(days=1)) == "expired"


def test_an_unknown_condition_is_refused():
    def change(root):
        etree.SubElement(root.find(f".//{{{SAML}}}Conditions"), f"{{{SAML}}}Condition")

    assert verdict(answered(before_sign=change)) == "condition_unknown"
