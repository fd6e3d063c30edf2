"""Parse a SAML message once, refusing before any work whatever a genuine message never holds (rules 1 to 3)."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from saml.names import SAML, SAMLP, XENC
from saml.refusals import Refused

# lxml brings no types; the name says where its elements pass.
Element = Any

BASE64_BYTES_MAX = 512 * 1024
ELEMENTS_MAX = 5_000
ATTRIBUTES_MAX = 10_000
# libxml2 sorts those of one element by inserting each into a list, and lxml looks each one up among all of them: a hundred
# are nothing, ten thousand half a second and more.
ELEMENT_ATTRIBUTES_MAX = 100
DEPTH_MAX = 40

_DECLARATION = re.compile(rb"\A<\?xml\s[^?<>]*\?>")
_DECLARED = re.compile(rb"""(version|encoding)\s*=\s*["']([^"']*)["']""")
# Canonicalization of a relative namespace URI (one that begins with no scheme) fails, and a failed canonicalization must
# never be digested as if it were an empty document. An attribute stands after white space, which also keeps the search
# linear: no two places from which it looks on share a run of characters. (It looks back from behind the word, which alone is
# found fast.)
_RELATIVE_NAMESPACE = re.compile(
    rb"""xmlns(?<=[ \t\r\n]xmlns)(?::[^\s=]*)?\s*=\s*(?:"(?!%(scheme)s)[^"]+"|'(?!%(scheme)s)[^']+')"""
    % {b"scheme": rb"[A-Za-z][A-Za-z0-9+.-]*:"}
)
_ENCRYPTED = {f"{{{XENC}}}EncryptedData", f"{{{XENC}}}EncryptedKey"}
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")


@dataclass(frozen=True, slots=True)
class Tree:
    """One parsed message: its root, and every element that carries an ID, by that ID."""

    root: Element
    ids: dict[str, Element]


@dataclass(frozen=True, slots=True)
class ResponseTree:
    """A response whose shape is sound: at most one signature an element, one assertion in the place for it."""

    tree: Tree
    assertion: Element | None
    encrypted: Element | None

    @property
    def root(self) -> Element:
        """The Response."""
        return self.tree.root

    @property
    def in_response_to(self) -> str | None:
        """The request that it answers; samlify writes an empty one where the sign-in began on its side."""
        return self.root.get("InResponseTo") or None


def decode(encoded: str | bytes) -> bytes:
    """Return the bytes of a base64 form field (HTTP-POST binding, SAML bindings 3.5.4); line breaks are allowed."""
    raw = encoded.encode("ascii", "replace") if isinstance(encoded, str) else encoded
    if len(raw) > BASE64_BYTES_MAX:
        raise Refused("too_large", f"{len(raw)} bytes of base64")
    raw = raw.translate(None, delete=b" \t\r\n")
    if not raw or len(raw) % 4 or not _BASE64.fullmatch(raw):
        raise Refused("encoding", "not base64")
    try:
        return base64.b64decode(raw, validate=True)
    except binascii.Error as error:
        raise Refused("encoding", "not base64") from error


def parse(document: bytes) -> Tree:
    """Parse `document` (UTF-8 bytes) by the strict policy; the only place where hostile XML meets a parser."""
    body = _scan(document)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        encoding="utf-8",
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        if "depth" in str(error):
            raise Refused("too_large", "too deep") from error
        raise Refused("malformed_xml", str(error)[:200]) from error
    return Tree(root, _ids(root))


def _scan(document: bytes) -> bytes:
    """Refuse by bytes what the parser should never see; return the document without byte order mark."""
    try:
        document.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise Refused("encoding", "not UTF-8") from error
    body = document.removeprefix(b"\xef\xbb\xbf")
    declaration = _DECLARATION.match(body)
    if declaration:
        for name, value in _DECLARED.findall(declaration.group()):
            if (name, value.lower()) not in {(b"version", b"1.0"), (b"encoding", b"utf-8")}:
                raise Refused("xml_policy", "declared " + value.decode("ascii", "replace")[:40])
    rest = body[declaration.end() :] if declaration else body
    # In well-formed XML a bare "<" is always markup, so these two bytes are always what they seem.
    if b"<!" in rest or b"<?" in rest:
        raise Refused("xml_policy", "comment, DOCTYPE, CDATA or processing instruction")
    if rest.count(b"<") > 2 * ELEMENTS_MAX or rest.count(b"=") > ATTRIBUTES_MAX:
        raise Refused("too_large", "too many elements or attributes")
    if _RELATIVE_NAMESPACE.search(rest):
        raise Refused("xml_policy", "relative namespace")
    return rest


def _ids(root: Element) -> dict[str, Element]:
    """Walk the tree once: depth, and every ID; two elements with one ID, or an ID in a namespace, are refused."""
    ids: dict[str, Element] = {}
    twice = False
    stack = [(root, 1)]
    while stack:
        element, depth = stack.pop()
        if depth > DEPTH_MAX:
            raise Refused("too_large", "too deep")
        found = 0
        if len(element.attrib) > ELEMENT_ATTRIBUTES_MAX:
            raise Refused("too_large", "too many attributes")
        for name, value in element.attrib.items():
            if name == "Id" and element.tag in _ENCRYPTED:
                # authentik leaves an empty EncryptedData in the assertion, with its ID. No signature means these: "ID" alone is looked up.
                continue
            if name in {"ID", "Id", "id"}:
                twice = twice or value in ids
                ids[value] = element
                found += 1
            elif name[-3:].lower() == "}id":
                raise Refused("structure", "an ID attribute in a namespace")
        if found > 1:
            raise Refused("duplicate_id", "two ID attributes")
        stack.extend((child, depth + 1) for child in element)
    if twice:
        raise Refused("nested_assertion" if _hides(root) else "duplicate_id")
    return ids


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _hides(root: Element) -> bool:
    """Whether assertions or responses stand where none belong: the more telling of two refusals."""
    return any(
        _local(element) in {"Assertion", "EncryptedAssertion", "Response"} and element.getparent() is not root
        for element in root.iterdescendants()
    )


def read_response(encoded: str | bytes) -> ResponseTree:
    """Decode, parse and check the shape of a SAML response (SAML core 3.3.3), before any signature is looked at.

    Refuses (`Refused`): too_large, encoding, xml_policy, malformed_xml, structure, version, nested_assertion,
    assertion_count, duplicate_id, signature_count.
    """
    tree = parse(decode(encoded))
    root = tree.root
    if root.tag != f"{{{SAMLP}}}Response":
        raise Refused("structure", "the root is not a Response")
    if root.get("Version") != "2.0":
        raise Refused("version")
    assertions = []
    for element in root.iterdescendants():
        name = _local(element)
        if name in {"Assertion", "EncryptedAssertion", "Response"}:
            if element.getparent() is not root or name == "Response":
                raise Refused("nested_assertion", name)
            assertions.append(element)
    if len(assertions) > 1:
        raise Refused("assertion_count", str(len(assertions)))
    assertion = assertions[0] if assertions and assertions[0].tag == f"{{{SAML}}}Assertion" else None
    encrypted = assertions[0] if assertions and assertions[0].tag == f"{{{SAML}}}EncryptedAssertion" else None
    if assertions and assertion is None and encrypted is None:
        raise Refused("structure", "an assertion of another version")
    if assertion is not None:
        _check_head(assertion)
    check_signature_places(root, (root,) if assertion is None else (root, assertion))
    return ResponseTree(tree, assertion, encrypted)


def read_decrypted(plaintext: bytes, namespaces: dict[str | None, str], taken: dict[str, Element]) -> Tree:
    """Parse decrypted bytes by the same rules; they must be one element.

    `namespaces` are those in scope where the ciphertext stood (XML-Enc 4.3.3): the plaintext may lean on
    them, and stays in a tree of its own so that no prefix changes under its signature. `taken` are the IDs
    of the tree around it.
    """
    holder = etree.Element("decrypted", nsmap=namespaces)
    head = etree.tostring(holder, encoding="utf-8").removesuffix(b"/>")
    try:
        tree = parse(head + b">" + plaintext + b"</decrypted>")
    except Refused as refused:
        if refused.code in {"malformed_xml", "encoding", "xml_policy", "too_large"}:
            # With a wrong key or altered ciphertext the plaintext is noise: one answer for all of that.
            raise Refused("decryption") from None
        raise
    holder = tree.root
    if len(holder) != 1 or (holder.text or "").strip() or (holder[0].tail or "").strip():
        raise Refused("structure", "the decrypted part is not one element")
    root = holder[0]
    if taken.keys() & tree.ids.keys():
        raise Refused("duplicate_id")
    return Tree(root, tree.ids)


def check_decrypted_assertion(tree: Tree) -> None:
    """Refuse a decrypted element that is no Assertion, or hides one."""
    if tree.root.tag != f"{{{SAML}}}Assertion":
        raise Refused("structure", "the decrypted part is not an Assertion")
    for element in tree.root.iterdescendants():
        if _local(element) in {"Assertion", "EncryptedAssertion", "Response"}:
            raise Refused("nested_assertion", _local(element))
    _check_head(tree.root)
    check_signature_places(tree.root, (tree.root,))


def _check_head(assertion: Element) -> None:
    """Refuse an assertion that is not SAML 2.0, or has no ID by which it could be told from another (core 2.3.3)."""
    if assertion.get("Version") != "2.0":
        raise Refused("version", "of the assertion")
    if not assertion.get("ID"):
        raise Refused("structure", "an assertion without ID")


def check_signature_places(root: Element, owners: tuple[Element, ...]) -> None:
    """Refuse a Signature that does not stand directly in one of `owners`, or a second one there."""
    seen: list[Element] = []
    for element in root.iter("{*}Signature"):
        parent = element.getparent()
        if not any(parent is owner for owner in owners):
            raise Refused("structure", "a signature in another element")
        if any(parent is owner for owner in seen):
            raise Refused("signature_count")
        seen.append(parent)
