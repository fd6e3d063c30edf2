"""From a directory's own attributes to a member's profile: short names for the places that RFC 7643 section 4.1 has. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

# What a mapping may fill, by the name that administrators write. The first three are not of the profile.
PERSON_TARGETS: Final = ("external_id", "user_name", "active")
_PLAIN: Final = (
    "displayName", "nickName", "title", "userType", "preferredLanguage", "locale", "timezone", "profileUrl",
)  # fmt: skip
_NAME: Final = ("givenName", "familyName", "middleName", "formatted", "honorificPrefix", "honorificSuffix")
_ENTERPRISE: Final = ("employeeNumber", "costCenter", "organization", "division", "department")
_LISTED: Final = {
    "email": ("emails", "work"), "phone": ("phoneNumbers", "work"), "mobile": ("phoneNumbers", "mobile"),
}  # fmt: skip
PROFILE_TARGETS: Final = (*_PLAIN, *_NAME, *_ENTERPRISE, *_LISTED, "manager")
TARGETS: Final = (*PERSON_TARGETS, *PROFILE_TARGETS)


def profile_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the profile that these values (by target name) make; empty ones are left out. A list counts for what may be several."""
    profile: dict[str, Any] = {}
    for target, value in values.items():
        texts = _texts(value)
        if not texts:
            continue
        if target in _PLAIN:
            profile[target] = texts[0]
        elif target in _NAME:
            profile.setdefault("name", {})[target] = texts[0]
        elif target in _ENTERPRISE:
            profile.setdefault(ENTERPRISE, {})[target] = texts[0]
        elif target == "manager":
            profile.setdefault(ENTERPRISE, {})["manager"] = {"value": texts[0]}
        elif target in _LISTED:
            name, type_ = _LISTED[target]
            profile.setdefault(name, []).extend(
                _item(name, type_, text, place) for place, text in enumerate(texts)
            )
    return profile


def unknown_targets(mapping: Mapping[str, str]) -> list[str]:
    """Return the names in the mapping that fill nothing."""
    return sorted(set(mapping) - set(TARGETS))


def _item(name: str, type_: str, text: str, place: int) -> dict[str, Any]:
    item: dict[str, Any] = {"value": text, "type": type_}
    return item | {"primary": True} if name == "emails" and place == 0 else item


def _texts(value: Any) -> list[str]:
    many: Iterable[Any] = value if isinstance(value, list | tuple) else (value,)
    return [text for text in (str(item).strip() for item in many if item is not None) if text]
