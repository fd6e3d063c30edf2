"""What a client sent about a person and no schema knows: kept beside the rest of the profile, shown in no answer. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from scim import masking
from scim.operations import Operation
from scim.schemas.attribute import Attribute
from scim.schemas.resource_type import Place

# The key in the profile: an attribute as it was written, and its value.
URN: Final = "urn:rollcall:scim:unmapped"
NAMES_MAX: Final = 50
NAME_CHARACTERS_MAX: Final = 200
VALUE_BYTES_MAX: Final = 4096


def operation(verb: str, written: str, value: Any) -> Operation | None:
    """Return the operation that keeps it, or forgets it; None for what is not kept: secrets, and what is large."""
    if len(written) > NAME_CHARACTERS_MAX or _holds_secret({written: value}):
        return None
    place = Place(URN, Attribute(written, "What no schema knows."), None)
    if verb == "remove" or value is None:
        return Operation("remove", place, written=written)
    try:
        is_small = len(orjson.dumps(value)) <= VALUE_BYTES_MAX
    except orjson.JSONEncodeError:
        # A whole number beyond 64 bits.
        return None
    return Operation("set", place, value, written=written) if is_small else None


def bounded(held: Mapping[str, Any]) -> dict[str, Any]:
    """Return the latest of them, as many as are kept for one person."""
    return dict(list(held.items())[-NAMES_MAX:])


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(masking.is_secret(name) or _holds_secret(held) for name, held in value.items())
    if isinstance(value, str):
        return masking.hides(value)
    return isinstance(value, list) and any(_holds_secret(each) for each in value)
