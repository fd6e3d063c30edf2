"""Lists of inclusive prefixes: one short one is followed, any other is refused, also where it is signed."""

import pytest
import xmlsec
from lxml import etree

from saml.names import DS, EXCLUSIVE_C14N
from saml.signatures import PREFIX_LIST_CHARACTERS_MAX
from tests.saml.documents import IDP, verdict
from tests.saml.forgeries import assertion_of, genuine


def with_list(place, *lists, inner=""):
    """Sign with lists of inclusive prefixes in the SignedInfo's canonicalization or in the reference's."""
    root = genuine(sign=())
    root.insert(0, etree.Element("{urn:unknown}x", nsmap={None: "urn:unknown"}))
    assertion = assertion_of(root)
    signature = xmlsec.template.create(
        assertion, xmlsec.constants.TransformExclC14N, xmlsec.constants.TransformRsaSha256, ns="ds"
    )
    assertion.insert(1, signature)
    uri = "#" + assertion.get("ID")
    reference = xmlsec.template.add_reference(signature, xmlsec.constants.TransformSha256, uri=uri)
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    step = xmlsec.template.add_transform(reference, xmlsec.constants.TransformExclC14N)
    parent = step if place == "Transform" else signature.find(f".//{{{DS}}}{place}")
    for text in lists:
        listed = etree.SubElement(parent, f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces", PrefixList=text)
        if inner:
            etree.SubElement(listed, inner)
    xmlsec.tree.add_ids(assertion, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(IDP.keys.private_pem, xmlsec.constants.KeyDataFormatPem)
    context.sign(signature)
    return etree.tostring(root)


@pytest.mark.parametrize("prefixes", ["xs", "xs xsi saml samlp ds", "unknown", " xs  xsi ", ""])
@pytest.mark.parametrize("place", ["CanonicalizationMethod", "Transform"])
def test_one_short_list_of_inclusive_prefixes_is_followed(place, prefixes):
    assert verdict(with_list(place, prefixes)) == "accepted"


@pytest.mark.parametrize(("place", "code"), [("CanonicalizationMethod", "c14n"), ("Transform", "transforms")])
def test_a_list_that_is_long_doubled_or_holds_more_is_refused_also_where_it_is_signed(place, code):
    assert verdict(with_list(place, "x" * (PREFIX_LIST_CHARACTERS_MAX + 1))) == code
    assert verdict(with_list(place, "xs", inner="x")) == code
    with pytest.raises(xmlsec.Error):
        with_list(place, "xs", "xsi")


def test_the_default_namespace_is_listed_in_a_reference_only():
    assert verdict(with_list("Transform", "#default xs")) == "accepted"
    assert verdict(with_list("CanonicalizationMethod", "#default xs")) == "c14n"
