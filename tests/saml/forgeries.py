"""Hostile documents: an attacker who holds one genuine signed response, and writes everything around it."""

import copy
from collections.abc import Callable
from typing import Any

from lxml import etree

from saml.names import DS, SAML, SAMLP
from tests.saml.documents import answered

ASSERTION, SIGNATURE = f"{{{SAML}}}Assertion", f"{{{DS}}}Signature"
EVIL = "admin@acme.example"


def genuine(**knobs: Any) -> Any:
    return etree.fromstring(answered(**knobs))


def assertion_of(root: Any) -> Any:
    return root.find(ASSERTION)


def evil_copy(element: Any, identity: str | None = "_evil", *, keep_signature: bool = False) -> Any:
    """Return a copy that names another person: with an ID of its own, or (None) with the same."""
    twin = copy.deepcopy(element)
    for name_id in twin.iter(f"{{{SAML}}}NameID"):
        name_id.text = EVIL
    if not keep_signature:
        for signature in twin.findall(SIGNATURE):
            twin.remove(signature)
    if identity is not None:
        twin.set("ID", identity)
    return twin


def forged(change: Callable[[Any], Any], **knobs: Any) -> bytes:
    """Return a genuine document after `change`, which may return another root."""
    root = genuine(**knobs)
    changed = change(root)
    return bytes(etree.tostring(root if changed is None else changed))


def replaced(old: bytes, new: bytes, **knobs: Any) -> bytes:
    """Return a genuine document with bytes replaced; the test itself would be wrong if they did not occur."""
    document = answered(**knobs)
    if old not in document:
        raise AssertionError(old)
    return document.replace(old, new)


def xsw1(root: Any) -> Any:
    """Put a copied response around the original, which hides in the copy's signature."""
    outer = evil_copy(root, keep_signature=True)
    outer.find(SIGNATURE).append(root)
    return outer


def xsw2(root: Any) -> Any:
    outer = evil_copy(root)
    outer.insert(1, root.find(SIGNATURE))
    original = copy.deepcopy(root)
    outer.insert(1, original)
    return outer


def xsw3(root: Any) -> None:
    root.insert(root.index(assertion_of(root)), evil_copy(assertion_of(root)))


def xsw4(root: Any) -> None:
    original = assertion_of(root)
    evil = evil_copy(original)
    root.replace(original, evil)
    evil.append(original)


def xsw5(root: Any) -> None:
    original = assertion_of(root)
    signature = original.find(SIGNATURE)
    evil = evil_copy(original)
    evil.insert(1, signature)
    root.append(original)
    root.insert(2, evil)


def xsw6(root: Any) -> None:
    original = assertion_of(root)
    signature = original.find(SIGNATURE)
    evil = evil_copy(original)
    evil.insert(1, signature)
    root.replace(original, evil)
    signature.append(original)


def xsw7(root: Any) -> None:
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    extensions.append(evil_copy(assertion_of(root), None))
    root.insert(1, extensions)


def xsw8(root: Any) -> None:
    original = assertion_of(root)
    evil = evil_copy(original, None, keep_signature=True)
    root.replace(original, evil)
    holder = etree.SubElement(evil.find(SIGNATURE), f"{{{DS}}}Object")
    original.remove(original.find(SIGNATURE))
    holder.append(original)


def hidden_in(path: str) -> Callable[[Any], None]:
    """Hide the genuine assertion, unused, inside `path` of an evil one, whose signature is only for show."""

    def change(root: Any) -> None:
        original = assertion_of(root)
        evil = evil_copy(original)
        root.replace(original, evil)
        places = {
            "Advice": (evil, f"{{{SAML}}}Advice"),
            "AttributeValue": (evil, f"{{{SAML}}}AttributeValue"),
            "StatusDetail": (root.find(f"{{{SAMLP}}}Status"), f"{{{SAMLP}}}StatusDetail"),
            "Extensions": (root, f"{{{SAMLP}}}Extensions"),
        }
        parent, name = places[path]
        holder = etree.Element(name)
        parent.insert(1, holder)
        holder.append(original)
        evil.append(copy.deepcopy(original.find(SIGNATURE)))

    return change


def two_documents(root: Any) -> None:
    """Two genuine documents: the signed response of one around the signed assertion of the other."""
    other = etree.fromstring(answered(sign=("assertion",)))
    root.find(f"{{{SAMLP}}}Status").append(assertion_of(other))


def second_signature(root: Any) -> None:
    assertion = assertion_of(root)
    assertion.append(copy.deepcopy(assertion.find(SIGNATURE)))


def stripped(*where: str) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        if "assertion" in where:
            assertion_of(root).remove(assertion_of(root).find(SIGNATURE))
        if "response" in where:
            root.remove(root.find(SIGNATURE))

    return change
