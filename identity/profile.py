"""What is derived from a member's descriptive attributes: the columns that people search, match and sort by. Pure."""

import string
import unicodedata
from collections.abc import Mapping
from typing import Any

from identity.errors import Invalid

# In bytes of UTF-8: names are indexed, and an index row of PostgreSQL holds 2,704 bytes, the organization's id included. Folding
# makes some letters longer, so keys may be longer than names.
NAME_BYTES_MAX = 1024
KEY_BYTES_MAX = 2048
_DISPLAY_NAME_LENGTH_MAX = 256
_SPACES = " \t\r\n"
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


# Letters of full and half width, as East Asian keyboards write them, to the same letters as everybody else writes them.
_WIDTHS = {
    code: chr(int(mapped[1], 16))
    for code in (0x3000, *range(0xFF01, 0xFFEF))
    if (mapped := unicodedata.decomposition(chr(code)).split()) and mapped[0] in {"<wide>", "<narrow>"}
}


def key_of(text: str) -> str:
    """Return the form in which user names and addresses are compared: folded, without space around."""
    return folded(text).strip()


def folded(text: str) -> str:
    """Return a text without its case, its width and its way to compose letters.

    RFC 7644 §5 has user names compared so, by the mappings of RFC 7613 §3.2.2.
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text.translate(_WIDTHS))
    return unicodedata.normalize("NFC", decomposed.casefold())


def is_same(text: str, other: str) -> bool:
    """Tell whether two names or addresses are one, letter by letter but for the case of a to z and for space around.

    Two names with the same key (`key_of`) may merely look alike: the Kelvin sign folds to k, the long s to s, and each script has spaces
    of its own. Where a stranger could have chosen the name, this decides whether it is a match. A letter that is composed in another way
    is the same (Unicode's canonical equivalence).
    """
    return unicodedata.normalize("NFC", exact(text)) == unicodedata.normalize("NFC", exact(other))


def exact(text: str) -> str:
    """Return a name in the form that `is_same` compares."""
    return text.strip(_SPACES).translate(_LOWER)


def email_of(profile: Mapping[str, Any]) -> str:
    """Return the primary address of RFC 7643 `emails`, else the one of type work, else the first; empty without any."""
    emails = [item for item in profile.get("emails") or [] if isinstance(item, Mapping) and item.get("value")]
    if not emails:
        return ""
    ranked = sorted(emails, key=lambda item: (not item.get("primary"), item.get("type") != "work"))
    email = str(ranked[0]["value"])
    # Nobody can be written to at, or matched by, an address of such length; the profile keeps it all the same.
    return email if len(key_of(email).encode()) <= KEY_BYTES_MAX else ""


def display_name_of(profile: Mapping[str, Any], user_name: str) -> str:
    """Return displayName, else the formatted name, else given and family name, else the user name; cut to 256 characters."""
    name = profile.get("name") if isinstance(profile.get("name"), Mapping) else {}
    parts = " ".join(str(name[part]) for part in ("givenName", "familyName") if name.get(part))  # type: ignore[index,union-attr]
    shown = str(profile.get("displayName") or name.get("formatted") or parts or user_name)  # type: ignore[union-attr]
    return shown[:_DISPLAY_NAME_LENGTH_MAX]


def with_short_forms(
    profile: Mapping[str, Any], *, email: str | None = None, display_name: str | None = None
) -> dict[str, Any]:
    """Return the profile with another primary address and display name; None leaves what is there, further addresses stay."""
    changed = dict(profile)
    if display_name is not None:
        changed["displayName"] = display_name
    if email is not None:
        others = [
            item
            for item in profile.get("emails") or []
            if isinstance(item, Mapping) and not item.get("primary") and item.get("value") != email
        ]
        changed["emails"] = [{"value": email, "type": "work", "primary": True}, *others]
    return changed


def check_user_name(user_name: object) -> str:
    """Return the user name as it is kept. Raises Invalid."""
    if not isinstance(user_name, str) or not user_name.strip():
        message = "A user name is needed."
        raise Invalid(message, field="user_name")
    check_length(user_name, "user_name", "A user name")
    return user_name.strip()


def check_length(text: str, field: str, what: str) -> None:
    """Refuse a text that is too long to be looked up by, or holds a NUL. Raises Invalid."""
    if text.isascii() and len(text) <= NAME_BYTES_MAX and "\0" not in text:
        return
    if (
        len(text.encode("utf-8", "replace")) > NAME_BYTES_MAX
        or len(key_of(text).encode("utf-8", "replace")) > KEY_BYTES_MAX
    ):
        message = f"{what} has at most {NAME_BYTES_MAX} bytes."
        raise Invalid(message, field=field)
    if "\0" in text:
        message = f"{what} holds no NUL character."
        raise Invalid(message, field=field)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return {attribute: [old, new]} of the attributes that differ; None stands for absent."""
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }
