"""Read what a verified assertion says: the NameID, how the person signed in, and the attributes (rules 12, 13)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from saml.names import NAMEID_TRANSIENT, NAMEID_UNSPECIFIED, SAML, XML_SPACES
from saml.refusals import Refused
from saml.times import instant, over
from saml.xml import Element

NAME_ID_CHARACTERS_MAX = 1024
VALUE_CHARACTERS_MAX = 4096
VALUES_MAX = 2000
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


@dataclass(frozen=True, slots=True)
class NameID:
    """SAML core 2.2.3; `value` is what identifies, the rest must come back unchanged in logout messages."""

    value: str
    format: str = NAMEID_UNSPECIFIED
    name_qualifier: str | None = None
    sp_name_qualifier: str | None = None

    @property
    def transient(self) -> bool:
        """Whether the NameID is made anew each time, and so identifies nobody."""
        return self.format == NAMEID_TRANSIENT


@dataclass(frozen=True, slots=True)
class Authentication:
    """SAML core 2.7.2: when and how the person signed in, and the session at the identity provider."""

    instant: datetime
    session_index: str | None
    session_not_on_or_after: datetime | None
    context_class: str


def read_name_id(assertion: Element, decrypt: Callable[[Element], Element]) -> NameID:
    """Return the subject's NameID; `decrypt` opens an EncryptedID. Refuses: structure, name_id_missing, value_too_long."""
    subjects = assertion.findall(f"{{{SAML}}}Subject")
    if len(subjects) != 1:
        raise Refused("structure", "not exactly one Subject")
    found = subjects[0].findall(f"{{{SAML}}}NameID")
    hidden = subjects[0].findall(f"{{{SAML}}}EncryptedID")
    if len(found) + len(hidden) > 1:
        raise Refused("structure", "more than one NameID")
    if not found and not hidden:
        raise Refused("name_id_missing")
    return name_id(found[0] if found else decrypt(hidden[0]))


def name_id(element: Element) -> NameID:
    """Read one NameID element; text only, so that nothing can cut it short."""
    if element.tag != f"{{{SAML}}}NameID" or len(element):
        raise Refused("structure", "a NameID with elements inside")
    value = (element.text or "").strip(XML_SPACES)
    if not value:
        raise Refused("name_id_missing", "an empty NameID")
    if len(value) > NAME_ID_CHARACTERS_MAX:
        raise Refused("value_too_long", f"a NameID of {len(value)} characters")
    return NameID(
        value,
        element.get("Format") or NAMEID_UNSPECIFIED,
        element.get("NameQualifier"),
        element.get("SPNameQualifier"),
    )


def read_authentication(assertion: Element, now: datetime) -> Authentication:
    """Return the first AuthnStatement, with the earliest SessionNotOnOrAfter of all of them.

    Until then our session lives, by our clock: one that is over by it cannot begin, however far clocks may differ.
    """
    statements = assertion.findall(f"{{{SAML}}}AuthnStatement")
    if not statements or not statements[0].get("AuthnInstant"):
        raise Refused("authn_statement")
    ends = [end for statement in statements if (end := statement.get("SessionNotOnOrAfter")) is not None]
    if any(over(end, now, timedelta(0)) for end in ends):
        raise Refused("session_expired", ends[0][:40])
    context = statements[0].findtext(f"{{{SAML}}}AuthnContext/{{{SAML}}}AuthnContextClassRef") or ""
    index = statements[0].get("SessionIndex")
    if index is not None and len(index) > NAME_ID_CHARACTERS_MAX:
        raise Refused("value_too_long", "SessionIndex")
    return Authentication(
        instant=instant(statements[0].get("AuthnInstant")),
        session_index=index,
        session_not_on_or_after=min((instant(end) for end in ends), default=None),
        context_class=context.strip(XML_SPACES),
    )


def read_attributes(assertion: Element) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Raw attribute name → its values in order, and raw name → FriendlyName.

    Keycloak repeats one Attribute name for each role, so equal names are merged.
    """
    values: dict[str, list[str]] = {}
    friendly: dict[str, str] = {}
    for statement in assertion.findall(f"{{{SAML}}}AttributeStatement"):
        if statement.find(f"{{{SAML}}}EncryptedAttribute") is not None:
            raise Refused("encrypted_attribute")
        for attribute in statement.findall(f"{{{SAML}}}Attribute"):
            name = (attribute.get("Name") or "").strip(XML_SPACES)
            if not name or len(name) > NAME_ID_CHARACTERS_MAX:
                raise Refused("structure", "an attribute without a usable name")
            texts = (_value(value) for value in attribute.findall(f"{{{SAML}}}AttributeValue"))
            values.setdefault(name, []).extend(text for text in texts if text)
            if label := attribute.get("FriendlyName"):
                friendly[name] = label[:200]
    if sum(map(len, values.values())) > VALUES_MAX:
        raise Refused("value_too_long", f"more than {VALUES_MAX} attribute values")
    return {name: tuple(found) for name, found in values.items()}, friendly


def _value(element: Element) -> str:
    """Text, or the text of the one NameID inside (eduPersonTargetedID); other XML is no value for us."""
    if element.get(_NIL) in {"true", "1"}:
        return ""
    if len(element):
        inner = element[0]
        if len(element) > 1 or inner.tag != f"{{{SAML}}}NameID" or len(inner):
            return ""
        element = inner
    text = (element.text or "").strip(XML_SPACES)
    if len(text) > VALUE_CHARACTERS_MAX:
        raise Refused("value_too_long", f"an attribute of {len(text)} characters")
    return text
