"""An organization's own schema: what one may say in it, checked, and compiled to the same table as the standard ones. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from identity.errors import Invalid
from scim.schemas.attribute import Attribute, Mutability, Returned, Schema, Type

SCHEMAS_MAX: Final = 20
ATTRIBUTES_MAX: Final = 100
PARTS_MAX: Final = 50
CANONICAL_VALUES_MAX: Final = 100
REFERENCE_TYPES_MAX: Final = 20
URN_CHARACTERS_MAX: Final = 200
NAME_CHARACTERS_MAX: Final = 64
TEXT_CHARACTERS_MAX: Final = 500
VALUE_CHARACTERS_MAX: Final = 200

TYPES: Final = get_args(Type)
MUTABILITIES: Final = get_args(Mutability)
RETURNED: Final = get_args(Returned)

# RFC 8141, without what would have to be written otherwise in a filter, a path or an address.
_URN = re.compile(r"urn:[a-z0-9][a-z0-9-]{0,31}(:[a-z0-9][a-z0-9._-]*)+", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
# One of the usual parts of a value (RFC 7643 §2.4), though the grammar of names (§2.1) leaves no room for it.
_NAME_OF_A_PART = re.compile(r"[A-Za-z][A-Za-z0-9_-]*|\$ref", re.ASCII)
# Names of the messages and core schemas of SCIM and of Rollcall's own; extensions under the IETF's are what Entra's manual asks for.
_RESERVED = re.compile(
    r"urn:(ietf:params:scim:(api|schemas:core)|ietf:params:scim:schemas:extension:enterprise:2\.0|rollcall)(:|$)", re.IGNORECASE
)  # fmt: skip
_CASE_EXACT_TYPES = frozenset({"reference", "binary"})
_WORDS_OF_THE_GRAMMAR = frozenset({"schemas", "id", "meta", "externalid"})


def checked_urn(urn: str) -> str:
    """Return the URN. Raises Invalid for one that is malformed, too long, or somebody else's to define."""
    if len(urn) > URN_CHARACTERS_MAX or not _URN.fullmatch(urn):
        message = "A URN is like urn:acme:scim:schemas:hr:2.0:User: letters, digits, dots, hyphens and underscores between colons."
        raise Invalid(message, field="urn")
    if _RESERVED.match(urn):
        message = (
            "This URN belongs to SCIM or to Rollcall: begin yours with a name of your own, as urn:acme:…"
        )
        raise Invalid(message, field="urn")
    return urn


def checked(attributes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the attributes with everything said, in the words of RFC 7643 §7. Raises Invalid, `field` naming the place."""
    if not 0 < len(attributes) <= ATTRIBUTES_MAX:
        raise Invalid(f"A schema has 1 to {ATTRIBUTES_MAX} attributes.", field="attributes")
    found = [_attribute(each, f"attributes[{index}]") for index, each in enumerate(attributes)]
    _check_names([each["name"] for each in found], "attributes")
    return found


def compiled(urn: str, name: str, description: str, attributes: Sequence[Mapping[str, Any]]) -> Schema:
    """Return the schema as coercion, filters and PATCH obey it; `attributes` as `checked` returned them."""
    return Schema(urn, name, description, tuple(_compiled(each) for each in attributes))


def _attribute(said: Mapping[str, Any], place: str) -> dict[str, Any]:
    found = _leaf(said, place)
    parts = said.get("subAttributes") or []
    found["multiValued"] = bool(said.get("multiValued"))
    found["mutability"] = said.get("mutability") or "readWrite"
    found["returned"] = said.get("returned") or ("never" if found["mutability"] == "writeOnly" else "default")
    if found["required"] and found["mutability"] == "readOnly":
        message = "Nobody could send a required attribute that is read-only: choose one of the two."
        raise Invalid(message, field=f"{place}.required")
    if found["mutability"] == "writeOnly" and found["returned"] != "never":
        message = "A write-only attribute is never returned: say “never”, or leave `returned` out."
        raise Invalid(message, field=f"{place}.returned")
    below = f"{place}.subAttributes"
    if (found["type"] == "complex") is not bool(parts):
        raise Invalid("A complex attribute has subAttributes, and no other type has any.", field=below)
    if len(parts) > PARTS_MAX:
        raise Invalid(f"An attribute has at most {PARTS_MAX} subAttributes.", field=below)
    if parts:
        found["subAttributes"] = [_part(each, f"{below}[{index}]") for index, each in enumerate(parts)]
        _check_names([each["name"] for each in found["subAttributes"]], below)
    return found


def _part(said: Mapping[str, Any], place: str) -> dict[str, Any]:
    found = _leaf(said, place, _NAME_OF_A_PART)
    if found["type"] == "complex" or said.get("multiValued") or said.get("subAttributes"):
        message = "A sub-attribute holds one value, and has no parts of its own (RFC 7643 section 2.3.8)."
        raise Invalid(message, field=f"{place}.type")
    for name, only in (("mutability", "readWrite"), ("returned", "default")):
        if (said.get(name) or only) != only:
            message = f"A sub-attribute is written and shown with its attribute: say {name} there."
            raise Invalid(message, field=f"{place}.{name}")
    return found


def _leaf(said: Mapping[str, Any], place: str, names: re.Pattern[str] = _NAME) -> dict[str, Any]:
    name = said.get("name")
    if not isinstance(name, str) or len(name) > NAME_CHARACTERS_MAX or not names.fullmatch(name):
        message = f"A name has 1 to {NAME_CHARACTERS_MAX} letters, digits, hyphens and underscores, and begins with a letter."
        raise Invalid(message, field=f"{place}.name")
    if name.lower() in _WORDS_OF_THE_GRAMMAR:
        raise Invalid(f"“{name}” means something else in SCIM: take another name.", field=f"{place}.name")
    kind = said.get("type") or "string"
    for field, value, allowed in (
        ("type", kind, TYPES),
        ("mutability", said.get("mutability") or "readWrite", MUTABILITIES),
        ("returned", said.get("returned") or "default", RETURNED),
        ("uniqueness", said.get("uniqueness") or "none", ("none",)),
    ):
        if value not in allowed:
            raise Invalid(f"{field} is one of {', '.join(allowed)}.", field=f"{place}.{field}")
    found = {
        "name": name,
        "type": kind,
        "description": said.get("description") or "",
        "required": bool(said.get("required")),
        "caseExact": bool(said.get("caseExact")) or kind in _CASE_EXACT_TYPES,
        "uniqueness": "none",
    }
    if values := _canonical_values(said, kind, f"{place}.canonicalValues"):
        found["canonicalValues"] = values
    if kind == "reference":
        found["referenceTypes"] = list(said.get("referenceTypes") or ["external"])
    return found


def _canonical_values(said: Mapping[str, Any], kind: str, place: str) -> list[str]:
    values = list(dict.fromkeys(said.get("canonicalValues") or ()))
    if values and kind != "string":
        raise Invalid("Only text has canonicalValues.", field=place)
    if len(values) > CANONICAL_VALUES_MAX or not all(
        0 < len(each) <= VALUE_CHARACTERS_MAX for each in values
    ):
        message = f"At most {CANONICAL_VALUES_MAX} values, each of 1 to {VALUE_CHARACTERS_MAX} characters."
        raise Invalid(message, field=place)
    return values


def _check_names(names: list[str], place: str) -> None:
    folded = [each.lower() for each in names]
    for index, name in enumerate(folded):
        if name in folded[:index]:
            message = f"“{names[index]}” is there twice; the case of letters makes no difference."
            raise Invalid(message, field=f"{place}[{index}].name")


def _compiled(said: Mapping[str, Any]) -> Attribute:
    return Attribute(
        said["name"],
        said["description"],
        said["type"],
        multi_valued=said.get("multiValued", False),
        required=said["required"],
        case_exact=said["caseExact"],
        mutability=said.get("mutability", "readWrite"),
        returned=said.get("returned", "default"),
        canonical_values=tuple(said.get("canonicalValues", ())),
        closed="canonicalValues" in said,
        reference_types=tuple(said.get("referenceTypes", ())),
        sub_attributes=tuple(_compiled(each) for each in said.get("subAttributes", ())),
    )
