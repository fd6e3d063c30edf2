"""Translate raw SAML attribute names into our words: who the person is, and what their identity provider asserts.

SAML's words stop here. Names are matched without regard to case, in the order of the mapping. For each field the connection's own mapping
wins, if it has one; else the preset's names are tried before the names that everybody knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saml.names import NAMEID_PERSISTENT, NAMEID_TRANSIENT, XML_SPACES
from saml.refusals import Refused

NAME_ID = "NameID"
"""In a mapping, this stands for the NameID instead of an attribute."""

_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_MS_CLAIMS = "http://schemas.microsoft.com/ws/2008/06/identity/claims/"
# As older federations name LDAP's attributes (MACE-Dir), and SimpleSAMLphp where it is told to.
_MACE = "urn:mace:dir:attribute-def:"
PERMISSIONS = "permissions:"

KNOWN_NAMES: dict[str, tuple[str, ...]] = {
    "email": (
        "email",
        "emailAddress",
        "mail",
        _CLAIMS + "emailaddress",
        "urn:oid:0.9.2342.19200300.100.1.3",
        "urn:oid:1.2.840.113549.1.9.1",
        _MACE + "mail",
    ),
    "user_name": (
        "userName",
        "user_name",
        "login",
        _CLAIMS + "upn",
        _CLAIMS + "name",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
        "urn:oid:0.9.2342.19200300.100.1.1",
        _MACE + "eduPersonPrincipalName",
        _MACE + "uid",
    ),
    "full_name": (
        "displayName",
        "fullName",
        "name",
        "cn",
        "http://schemas.microsoft.com/identity/claims/displayname",
        "urn:oid:2.16.840.1.113730.3.1.241",
        "urn:oid:2.5.4.3",
        _MACE + "displayName",
        _MACE + "cn",
    ),
    "first_name": (
        "firstName",
        "first_name",
        "givenName",
        _CLAIMS + "givenname",
        "urn:oid:2.5.4.42",
        _MACE + "givenName",
    ),
    "last_name": (
        "lastName",
        "last_name",
        "surname",
        "sn",
        "familyName",
        _CLAIMS + "surname",
        "urn:oid:2.5.4.4",
        _MACE + "sn",
    ),
    "roles": ("roles", "role", _MS_CLAIMS + "role"),
    "groups": (
        "groups",
        "memberOf",
        "isMemberOf",
        _MS_CLAIMS + "groups",
        "http://schemas.xmlsoap.org/claims/Group",
        "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
        _MACE + "isMemberOf",
    ),
    "companies": ("companies", "company_ids"),
    "shops": ("shops",),
    "shop_countries": ("shopCountries", "shop_countries"),
}
_LISTS = {"companies": "company", "shops": "shop", "shop_countries": "shop_country"}
LIST_PERMISSION = "access"
NAMES_MAX = 20
NAME_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class Assertion:
    """A grant as it was asserted: the kind's name, the product's id of the resource, the permission."""

    kind: str
    key: str
    permission: str


@dataclass(frozen=True, slots=True)
class Person:
    """What a sign-in says about somebody. None for an aspect of which nothing was said; empty for "none"."""

    user_name: str
    email: str
    profile: dict[str, Any] = field(default_factory=dict)
    roles: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    grants: tuple[Assertion, ...] | None = None


def field_of(key: str) -> str | None:
    """Return the field that a mapping's key means: `shopCountries`, `shop_countries` and `ShopCountries` are one."""
    if key.startswith(PERMISSIONS) and len(key) > len(PERMISSIONS):
        return key
    folded = key.replace("_", "").replace("-", "").lower()
    return {name.replace("_", ""): name for name in KNOWN_NAMES}.get(folded)


def check_mapping(mapping: object) -> dict[str, list[str]]:
    """Return a connection's mapping as {field: [names]}; refuses with `attribute_invalid` what is no mapping."""
    if not isinstance(mapping, Mapping):
        raise Refused("attribute_invalid", "a mapping is {field: attribute name or list of names}")
    clean: dict[str, list[str]] = {}
    for key, value in mapping.items():
        known = field_of(str(key))
        if known is None:
            raise Refused(
                "attribute_invalid",
                f"{str(key)[:60]} is none of {', '.join(KNOWN_NAMES)}, permissions:<kind>",
            )
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, Sequence) or len(names) > NAMES_MAX:
            raise Refused("attribute_invalid", f"{known} wants a name or at most {NAMES_MAX} names")
        if not all(isinstance(name, str) and 0 < len(name.strip()) <= NAME_CHARACTERS_MAX for name in names):
            raise Refused(
                "attribute_invalid", f"{known} wants names of 1 to {NAME_CHARACTERS_MAX} characters"
            )
        clean[known] = [name.strip() for name in names]
    return clean


def read_person(
    attributes: Mapping[str, Sequence[str]],
    name_id: str,
    name_id_format: str,
    mapping: Mapping[str, Sequence[str]],
    preset: Mapping[str, Sequence[str]] | None = None,
) -> Person:
    """Return the person that the attributes describe, by the connection's mapping, the preset's and the known names."""
    reader = _Reader(attributes, name_id, mapping, preset or {})
    email = reader.one("email")
    if not email and "@" in name_id and name_id_format != NAMEID_TRANSIENT:
        email = name_id
    user_name = reader.one("user_name") if reader.mapped("user_name") else ""
    if not user_name and name_id_format not in {NAMEID_TRANSIENT, NAMEID_PERSISTENT}:
        user_name = name_id
    user_name = user_name or reader.one("user_name") or email
    return Person(
        user_name=user_name,
        email=email,
        profile=_profile(reader, email),
        roles=reader.many("roles"),
        groups=reader.many("groups"),
        grants=_grants(reader),
    )


def _profile(reader: "_Reader", email: str) -> dict[str, Any]:
    """Describe the person by RFC 7643's attribute names, as the directory would."""
    profile: dict[str, Any] = {}
    full, first, last = reader.one("full_name"), reader.one("first_name"), reader.one("last_name")
    name = {"formatted": full, "givenName": first, "familyName": last}
    if any(name.values()):
        profile["name"] = {key: value for key, value in name.items() if value}
        profile["displayName"] = full or f"{first} {last}".strip()
    if email:
        profile["emails"] = [{"value": email, "type": "work", "primary": True}]
    return profile


def _grants(reader: "_Reader") -> tuple[Assertion, ...] | None:
    """Read `permissions:<kind>` as <id>:<permission>, and the lists of ids; what is neither is kept, and refused later."""
    found: dict[Assertion, None] = {}
    said = False
    for kind, values in reader.permissions():
        said = True
        for value in values:
            key, _, permission = value.rpartition(":")
            whole = (
                Assertion(kind, key.strip(), permission.strip().lower())
                if key
                else Assertion(kind, value, "")
            )
            found[whole] = None
    for name, kind in _LISTS.items():
        ids = reader.many(name)
        said = said or ids is not None
        found.update(dict.fromkeys(Assertion(kind, key, LIST_PERMISSION) for key in ids or ()))
    return tuple(found) if said else None


class _Reader:
    """Looks values up by field, without regard to the case of attribute names."""

    def __init__(
        self,
        attributes: Mapping[str, Sequence[str]],
        name_id: str,
        mapping: Mapping[str, Sequence[str]],
        preset: Mapping[str, Sequence[str]],
    ) -> None:
        self._values: dict[str, list[str]] = {}
        for name, values in attributes.items():
            self._values.setdefault(name.lower(), []).extend(values)
        self._values[NAME_ID.lower()] = [name_id]
        self._mapping = mapping
        self._preset = preset

    def mapped(self, name: str) -> bool:
        """Whether the connection's own mapping speaks of the field."""
        return name in self._mapping

    def _names(self, name: str) -> list[str]:
        if name in self._mapping:
            return list(self._mapping[name])
        return [*self._preset.get(name, ()), *KNOWN_NAMES.get(name, ())]

    def many(self, name: str) -> tuple[str, ...] | None:
        """Return the values of the first name that the assertion holds, each once, or None if it holds none."""
        for candidate in self._names(name):
            values = self._values.get(candidate.lower())
            if values is not None:
                return tuple(
                    dict.fromkeys(value.strip(XML_SPACES) for value in values if value.strip(XML_SPACES))
                )
        return None

    def one(self, name: str) -> str:
        """Return the first value of the first name that has one, or an empty text."""
        for candidate in self._names(name):
            for value in self._values.get(candidate.lower(), ()):
                if value.strip(XML_SPACES):
                    return value.strip(XML_SPACES)
        return ""

    def permissions(self) -> list[tuple[str, list[str]]]:
        """Return (kind, values) of the fields `permissions:<kind>`, mapped or by their own name."""
        mapped = {key: key.removeprefix(PERMISSIONS) for key in self._mapping if key.startswith(PERMISSIONS)}
        found: list[tuple[str, list[str]]] = []
        for key, kind in mapped.items():
            said = self.many(key)
            if said is not None:
                found.append((kind, list(said)))
        taken = set(mapped.values())
        for name, values in self._values.items():
            kind = name.removeprefix(PERMISSIONS)
            if name.startswith(PERMISSIONS) and kind and kind not in taken:
                found.append((kind, list(values)))
        return found
