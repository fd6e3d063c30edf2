"""Verify the signature of one very element, by keys from the configuration alone (rule 5)."""

import base64
import binascii
import hashlib
from datetime import datetime
from typing import Any, Final

import xmlsec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from lxml import etree

from saml import names
from saml.names import DS
from saml.refusals import Refused
from saml.snapshot import TrustedKey
from saml.xml import Element, Tree

RSA_BITS_MIN = 2048
EC_BITS_MIN = 256
# "xs xsi saml ds #default" is long for a genuine one; each prefix is looked for at every element, whether it is known there or not.
PREFIX_LIST_CHARACTERS_MAX: Final = 200
CHANGED: Final = "the key is right, but what it signed was changed afterwards"
# The last part of a signature method's name → how xmlsec computes it.
_TRANSFORMS: Final = {
    "rsa-sha256": xmlsec.constants.TransformRsaSha256,
    "rsa-sha384": xmlsec.constants.TransformRsaSha384,
    "rsa-sha512": xmlsec.constants.TransformRsaSha512,
    "ecdsa-sha256": xmlsec.constants.TransformEcdsaSha256,
    "ecdsa-sha384": xmlsec.constants.TransformEcdsaSha384,
    "ecdsa-sha512": xmlsec.constants.TransformEcdsaSha512,
    "rsa-sha1": xmlsec.constants.TransformRsaSha1,
    "ecdsa-sha1": xmlsec.constants.TransformEcdsaSha1,
}
_PSS_HASHES: Final[dict[str, type[HashAlgorithm]]] = {"sha256": SHA256, "sha384": SHA384, "sha512": SHA512}

_EMPTY_DIGESTS = {hashlib.new(name, b"").digest() for name in ("sha1", "sha256", "sha384", "sha512")}
_REFERENCE_PARTS = [f"{{{DS}}}Transforms", f"{{{DS}}}DigestMethod", f"{{{DS}}}DigestValue"]
_STEPS = ([names.ENVELOPED, names.EXCLUSIVE_C14N], [names.ENVELOPED])
_INCLUSIVE = f"{{{names.EXCLUSIVE_C14N}}}InclusiveNamespaces"


def signature_of(element: Element) -> Element | None:
    """Return the one Signature that is a direct child of `element`; `saml.xml` has refused a second."""
    return element.find(f"{{{DS}}}Signature")


def verify(
    tree: Tree, element: Element, keys: tuple[TrustedKey, ...], *, sha1: bool, code: str
) -> TrustedKey:
    """Return the trusted key that signed `element`, all of it but the Signature itself.

    Refuses (`Refused`): reference, transforms, c14n, weak_algorithm, weak_key, or `code` when no key fits.
    KeyInfo is never read: a key comes from the configuration or not at all.
    """
    signature = signature_of(element)
    if signature is None:
        raise Refused(code, "no signature")
    kind = _check_signed_info(tree, element, signature, sha1=sha1, code=code)
    fitting = [key for key in keys if key.kind == kind]
    if fitting and not any(long_enough(key) for key in fitting):
        raise Refused("weak_key", f"{fitting[0].bits} bits")
    key = _signer(signature, tuple(filter(long_enough, fitting)))
    if key is None:
        raise Refused(code)
    # Only the attribute "ID" is made known, and `saml.xml` has seen that each value stands once.
    xmlsec.tree.add_ids(tree.root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = key.key
    try:
        context.verify(signature)
    except xmlsec.Error as error:
        raise Refused(code, CHANGED) from error
    return key


def _signer(signature: Element, keys: tuple[TrustedKey, ...]) -> TrustedKey | None:
    """Return the key by which the SignedInfo itself was signed.

    xmlsec digests what is referred to first, once for each key that is tried, and for a document made for that it takes
    seconds. So nothing large is canonicalized before a key of ours has signed that it should be.
    """
    info, value = signature[0], signature[1]
    canonicalization, method = info[0], info[1]
    octets = etree.tostring(
        info, method="c14n", exclusive=True, inclusive_ns_prefixes=_prefixes(canonicalization)
    )
    try:
        made = base64.b64decode("".join((value.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    algorithm = method.get("Algorithm")
    return next((key for key in keys if made_by(key, algorithm, octets, made)), None)


def made_by(key: TrustedKey, algorithm: str, octets: bytes, signature: bytes) -> bool:
    """Tell whether `signature` (of elliptic curves: r ‖ s) over `octets` was made by the key, which fits the algorithm."""
    if algorithm in names.PSS_METHODS:
        return _made_by_pss(key, _PSS_HASHES[names.PSS_METHODS[algorithm]](), octets, signature)
    transform = _TRANSFORMS[algorithm.rpartition("#")[2]]
    context = xmlsec.SignatureContext()
    context.key = key.key
    try:
        context.verify_binary(octets, transform, signature)
    except xmlsec.Error:
        return False
    return True


def _made_by_pss(key: TrustedKey, digest: HashAlgorithm, octets: bytes, signature: bytes) -> bool:
    """RFC 9231 2.3.9: the mask is made with the same digest, and the salt is as long as that."""
    if not isinstance(key.public, RSAPublicKey):
        return False
    try:
        key.public.verify(signature, octets, PSS(MGF1(digest), PSS.DIGEST_LENGTH), digest)
    except InvalidSignature:
        return False
    return True


def long_enough(key: TrustedKey) -> bool:
    """Whether a signature by this key is worth anything: RSA of 2048 bits, elliptic curves of 256 (SAML2int)."""
    return key.bits >= (RSA_BITS_MIN if key.kind == "rsa" else EC_BITS_MIN)


def _check_signed_info(tree: Tree, element: Element, signature: Element, *, sha1: bool, code: str) -> str:
    """Check what is signed and how, before any arithmetic; return the kind of key that is needed."""
    children = [str(child.tag) for child in signature]
    expected = [f"{{{DS}}}SignedInfo", f"{{{DS}}}SignatureValue", f"{{{DS}}}KeyInfo"]
    if children not in (expected, expected[:2]) or len(signature[1]) or (signature.text or "").strip():
        raise Refused("reference", "the signature holds more than it should")
    info = signature[0]
    tags = [str(child.tag) for child in info]
    if tags != [f"{{{DS}}}CanonicalizationMethod", f"{{{DS}}}SignatureMethod", f"{{{DS}}}Reference"]:
        raise Refused("reference", "not exactly one reference")
    canonicalization, method, reference = info
    if not _exclusive(canonicalization):
        raise Refused("c14n", str(canonicalization.get("Algorithm"))[:100])
    if "#default" in _prefixes(canonicalization):
        # lxml, by which the SignedInfo is canonicalized, does not know the word.
        raise Refused("c14n", "#default as an inclusive prefix of the SignedInfo")
    kind = names.SIGNATURE_METHODS.get(method.get("Algorithm", ""))
    if kind is None and sha1:
        kind = names.SHA1_SIGNATURE_METHODS.get(method.get("Algorithm", ""))
    if kind is None or len(method):
        raise Refused("weak_algorithm", str(method.get("Algorithm"))[:100])
    _check_reference(tree, element, reference, sha1=sha1, code=code)
    return kind


def _check_reference(tree: Tree, element: Element, reference: Element, *, sha1: bool, code: str) -> None:
    identity = element.get("ID")
    if not identity or reference.get("URI") != "#" + identity or tree.ids.get(identity) is not element:
        raise Refused("reference", str(reference.get("URI"))[:100])
    parts: list[Any] = list(reference)
    if [str(part.tag) for part in parts] != _REFERENCE_PARTS:
        raise Refused("transforms", "the reference does not hold what it should")
    transforms, digest_method, digest_value = parts
    if len(digest_value) or len(digest_method):
        raise Refused("reference", "the digest holds elements")
    steps = [step.get("Algorithm") for step in transforms]
    if steps not in _STEPS or len(transforms[0]):
        raise Refused("transforms", " ".join(map(str, steps))[:200])
    if len(steps) > 1 and not _exclusive(transforms[1]):
        raise Refused("transforms", "the canonicalization holds more than a prefix list")
    algorithm = digest_method.get("Algorithm", "")
    if algorithm not in names.DIGEST_METHODS and not (sha1 and algorithm == names.SHA1_DIGEST):
        raise Refused("weak_algorithm", algorithm[:100])
    try:
        digest = base64.b64decode("".join((digest_value.text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(code, "the digest is not base64") from error
    if digest in _EMPTY_DIGESTS:
        raise Refused(code, "the digest of nothing")


def _exclusive(element: Element) -> bool:
    """Exclusive C14N without comments, with at most one short list of inclusive prefixes (exc-c14n 3)."""
    if element.get("Algorithm") != names.EXCLUSIVE_C14N or len(element) > 1:
        return False
    return all(
        child.tag == _INCLUSIVE
        and not len(child)
        and len(child.get("PrefixList", "")) <= PREFIX_LIST_CHARACTERS_MAX
        for child in element
    )


def _prefixes(canonicalization: Element) -> list[str]:
    return [prefix for each in canonicalization for prefix in each.get("PrefixList", "").split()]


def sha1_allowed(until: datetime | None, now: datetime) -> bool:
    """SHA-1 is allowed only by a switch that ends by itself."""
    return until is not None and now < until
