"""Values by dotted path out of a directory's JSON: `name.givenName`, `organizations.title`. Pure."""

from collections.abc import Mapping
from typing import Any

from tasks.connectors.faults import Misconfigured
from tasks.connectors.interface import Json
from tasks.connectors.mapping import TARGETS, profile_of, unknown_targets


def read(source: Any, path: str) -> Any:
    """Return what lies at the path, None for nothing. Of a list of objects the primary one counts, else the first."""
    for step in path.split("."):
        if isinstance(source, list):
            source = _chosen(source)
        if not isinstance(source, Mapping):
            return None
        source = source.get(step)
    return source


def profile_at(source: Json, mapping: Mapping[str, str]) -> dict[str, Any]:
    """Return the profile that a mapping (target → path) makes of a directory's object."""
    found = {target: read(source, path) for target, path in mapping.items()}
    return profile_of({target: value for target, value in found.items() if _is_value(value)})


def checked(mapping: Mapping[str, str]) -> Mapping[str, str]:
    """Return the mapping. Raises Misconfigured for a target that fills nothing."""
    strange = unknown_targets(mapping)
    if strange:
        raise Misconfigured(f"The mapping fills {strange[0]}, which is not one of {', '.join(TARGETS)}.")
    return mapping


def _chosen(items: list[Any]) -> Any:
    return next(
        (item for item in items if isinstance(item, Mapping) and item.get("primary") is True), None
    ) or (items[0] if items else None)


def _is_value(value: Any) -> bool:
    return isinstance(value, str | int | float) or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )
