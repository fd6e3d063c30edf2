"""What is derived from a member's descriptive attributes: the columns that people search, match and sort by. Pure."""

from collections.abc import Mapping
from typing import Any

from identity.errors import Invalid

USER_NAME_LENGTH_MAX = 1024


def key_of(text: str) -> str:
    """Return the form in which user names and addresses are compared: without case, without space around."""
    return text.strip().casefold()


def email_of(profile: Mapping[str, Any]) -> str:
    """Return the primary address of RFC 7643 `emails`, else the one of type work, else the first; empty without any."""
    emails = [item for item in profile.get("emails") or [] if isinstance(item, Mapping) and item.get("value")]
    if not emails:
        return ""
    ranked = sorted(emails, key=lambda item: (not item.get("primary"), item.get("type") != "work"))
    return str(ranked[0]["value"])


def display_name_of(profile: Mapping[str, Any], user_name: str) -> str:
    """Return displayName, else the formatted name, else given and family name, else the user name."""
    name = profile.get("name") if isinstance(profile.get("name"), Mapping) else {}
    parts = " ".join(str(name[part]) for part in ("givenName", "familyName") if name.get(part))  # type: ignore[index,union-attr]
    return str(profile.get("displayName") or name.get("formatted") or parts or user_name)  # type: ignore[union-attr]


def check_user_name(user_name: object) -> str:
    """Return the user name as it is kept. Raises Invalid."""
    if not isinstance(user_name, str) or not user_name.strip():
        message = "A user name is needed."
        raise Invalid(message, field="user_name")
    if len(user_name) > USER_NAME_LENGTH_MAX or "\0" in user_name:
        message = f"A user name has at most {USER_NAME_LENGTH_MAX} characters and no NUL."
        raise Invalid(message, field="user_name")
    return user_name.strip()


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return {attribute: [old, new]} of the attributes that differ; None stands for absent."""
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }
