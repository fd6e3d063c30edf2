"""The words a schema is written in: what RFC 7643 §7 lets one say about an attribute."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

Type = Literal["string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"]
Mutability = Literal["readOnly", "readWrite", "immutable", "writeOnly"]
Returned = Literal["always", "never", "default", "request"]
Uniqueness = Literal["none", "server", "global"]
_USUAL = frozenset({"value", "display", "type", "primary", "$ref"})
# Of them those that only say something of the others.
_LABELS = frozenset({"type", "primary"})


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """One attribute, or one sub-attribute, as data. Compared by identity: each exists once per process.

    The values of a multi-valued attribute that is not complex are asked about as its `value` (RFC 7643 §2.4).
    """

    name: str
    description: str
    type: Type = "string"
    multi_valued: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: Mutability = "readWrite"
    returned: Returned = "default"
    uniqueness: Uniqueness = "none"
    canonical_values: tuple[str, ...] = ()
    reference_types: tuple[str, ...] = ()
    sub_attributes: tuple["Attribute", ...] = ()
    # Whether the canonical values are the only ones: an organization's own list is meant, the RFC's lists only suggest.
    closed: bool = False
    # Whether blanks at its ends are no part of it: what people and groups are found by is kept without them.
    trimmed: bool = False
    # What a required attribute is where a client says nothing of it.
    default: Any = None
    by_name: dict[str, "Attribute"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parts = self.sub_attributes
        if self.is_plain_list:
            parts = (replace(self, name="value", multi_valued=False, required=False),)
        object.__setattr__(self, "by_name", {each.name.lower(): each for each in parts})

    @property
    def is_plain_list(self) -> bool:
        """Whether it holds several values without parts."""
        return self.multi_valued and self.type != "complex"

    @property
    def is_usual_list(self) -> bool:
        """Whether it holds several values of the usual parts alone (RFC 7643 §2.4)."""
        return (
            self.multi_valued
            and self.type == "complex"
            and "value" in self.by_name
            and self.by_name.keys() <= _USUAL
        )

    @property
    def preference(self) -> "Attribute | None":
        """The part of a list's values that is true on the one to prefer: it is false where nothing is said (RFC 7643 §2.4)."""
        found = self.by_name.get("primary") if self.multi_valued else None
        return found if found is not None and found.type == "boolean" else None

    @property
    def is_hidden(self) -> bool:
        """Whether no answer ever shows it; then no filter tells about it either."""
        return self.returned == "never" or self.mutability == "writeOnly"

    def is_label(self, value: Any) -> bool:
        """Whether it is an e-mail without its address, or an address without a line: what Keycloak and ssosync send of somebody without."""
        return (
            self.type == "complex"
            and value.keys() <= _LABELS
            and (self.is_usual_list or "formatted" in self.by_name)
        )

    def sub(self, name: str) -> "Attribute | None":
        """Return the sub-attribute of that name, in any case of letters (RFC 7643 §2.1), or None."""
        return self.by_name.get(name.lower())

    def document(self) -> dict[str, Any]:
        """Return the attribute as /Schemas shows it (RFC 7643 §7)."""
        shown: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "multiValued": self.multi_valued,
            "description": self.description,
            "required": self.required,
            "caseExact": self.case_exact,
            "mutability": self.mutability,
            "returned": self.returned,
            "uniqueness": self.uniqueness,
        }
        # Entra's validator rejects nulls in /Schemas, so what doesn't apply is left out.
        if self.canonical_values:
            shown["canonicalValues"] = list(self.canonical_values)
        if self.type == "reference":
            shown["referenceTypes"] = list(self.reference_types)
        if self.sub_attributes:
            shown["subAttributes"] = [each.document() for each in self.sub_attributes]
        return shown


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """A schema: a URN and its attributes."""

    id: str
    name: str
    description: str
    attributes: tuple[Attribute, ...]
    # What clients of SCIM 1 call it, in small letters.
    former_ids: tuple[str, ...] = ()
    by_name: dict[str, Attribute] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {each.name.lower(): each for each in self.attributes})

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute of that name, in any case of letters, or None."""
        return self.by_name.get(name.lower())

    def document(self, base_url: str) -> dict[str, Any]:
        """Return the schema as /Schemas shows it; `base_url` is the address of the service, without a slash."""
        return {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": [each.document() for each in self.attributes],
            "meta": {"resourceType": "Schema", "location": f"{base_url}/Schemas/{self.id}"},
        }


def value_list(
    name: str, description: str, types: tuple[str, ...] = (), value_type: Type = "string"
) -> Attribute:
    """Return a multi-valued attribute of the usual shape: value, display, type, primary (RFC 7643 §2.4)."""
    references = ("external",) if value_type == "reference" else ()
    return Attribute(
        name,
        description,
        "complex",
        multi_valued=True,
        sub_attributes=(
            Attribute(
                "value",
                "The value itself.",
                value_type,
                # URIs and certificates differ when their letters do (RFC 7643 §2.3.6, §2.3.7).
                case_exact=value_type in {"reference", "binary"},
                reference_types=references,
            ),
            Attribute("display", "What a person reads in place of the value."),
            Attribute("type", "What the value is for.", canonical_values=types),
            Attribute("primary", "True on the one value to prefer.", "boolean"),
        ),
    )
