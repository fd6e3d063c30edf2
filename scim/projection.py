"""Which attributes of a resource an answer shows: `attributes` and `excludedAttributes` (RFC 7644 §3.9), compiled once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from scim.errors import Code, ScimError
from scim.filter.grammar import attribute_path
from scim.schemas.resource_type import ResourceType

# More than three times what all attributes of a person and their parts are, each with its URN.
NAMES_MAX = 500
CHARACTERS_MAX = 40_000
_VALUE_FILTER = re.compile(r"\[[^\[\]]*\]")

# What is chosen of one attribute: all of it, or the parts named.
_Chosen = dict[tuple[str | None, str], frozenset[str] | None]
# Attributes by extension and name.
Written = frozenset[tuple[str | None, str]]
_NOTHING: Written = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A choice of attributes. `included` None means all of those shown by default.

    `known` names what may be shown of each extension, None for all of it; it is None itself where every schema is a standard one.
    """

    included: _Chosen | None
    excluded: _Chosen
    always: frozenset[str]
    known: Mapping[str, frozenset[str] | None] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.included is None and not self.excluded and self.known is None

    def shows(self, name: str) -> bool:
        """Tell whether a core attribute is shown at all, so that what isn't shown need not be read."""
        key = (None, name)
        if self.included is not None and key not in self.included:
            return False
        return key not in self.excluded or self.excluded[key] is not None

    def names(self, name: str, part: str) -> bool:
        """Tell whether a part that is returned only on request is asked for by its name."""
        return part in ((self.included or {}).get((None, name)) or ())

    def asks(self, extension: str, name: str) -> bool:
        """Tell whether an attribute of an extension is asked for by its name, or by that of the extension."""
        return (extension, name) in (self.included or {})

    def __call__(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Return the chosen part of a resource."""
        if self.is_whole:
            return resource
        shown: dict[str, Any] = {}
        for name, value in resource.items():
            if name in self.always:
                shown[name] = value
            elif name.startswith("urn:") and isinstance(value, dict):
                seen = self._seen(name, value)
                inside = {sub: self._chosen((name, sub), held) for sub, held in seen.items()}
                inside = {sub: held for sub, held in inside.items() if held is not None}
                if inside:
                    shown[name] = inside
            else:
                held = self._chosen((None, name), value)
                if held is not None:
                    shown[name] = held
        return shown

    def _seen(self, urn: str, held: dict[str, Any]) -> dict[str, Any]:
        """Leave out what no schema knows (any more), and what its schema shows to nobody, or not unasked."""
        names = self.known.get(urn, frozenset()) if self.known is not None else None
        return held if names is None else {name: value for name, value in held.items() if name in names}

    def _chosen(self, key: tuple[str | None, str], value: Any) -> Any:
        if self.included is not None:
            if key not in self.included:
                return None
            value = _keep(value, self.included[key])
        if key in self.excluded:
            parts = self.excluded[key]
            value = None if parts is None else _drop(value, parts)
        return value


def check(parameter: str, listed: str) -> None:
    """Refuse a list that is too long, before anything is done: cut, it would show something else. ScimError parameter_wrong."""
    if len(listed) > CHARACTERS_MAX or listed.count(",") >= NAMES_MAX:
        expected = f"a list of at most {NAMES_MAX} attributes, {CHARACTERS_MAX} characters in all"
        raise ScimError(Code.PARAMETER_WRONG, name=parameter, expected=expected)


def chosen_by(kind: ResourceType, query: Mapping[str, str], written: Written = _NOTHING) -> Projection:
    """Return the projection that the parameters of a request ask for, whose names are in lower case."""
    return compiled(kind, query.get("attributes", ""), query.get("excludedattributes", ""), written)


@lru_cache(maxsize=512)
def compiled(kind: ResourceType, attributes: str, excluded: str, written: Written = _NOTHING) -> Projection:
    """Return the projection of two comma-separated lists, checked before; names that no schema has choose nothing.

    What a change has `written` is asked for by that, where it lists nothing (RFC 7643 §7, "returned").
    """
    always = frozenset(each.name for each in kind.core.values() if each.returned == "always")
    # Microsoft's collection asks for `emails[type eq "work"]`: whoever may choose attributes, but not values, gets them all.
    included = _read(kind, _VALUE_FILTER.sub("", attributes)) if attributes.strip() else None
    left_out = {key: parts for key, parts in _read(kind, excluded).items() if key[1] not in always}
    if kind.own is None:
        return Projection(included, left_out, always)
    known: dict[str, frozenset[str] | None] = {each.id: None for each in kind.extensions}
    for schema in kind.own:
        forced = [(schema.id, each.name) for each in schema.attributes if each.returned == "always"]
        if included is not None:
            included.update(dict.fromkeys(forced))
        left_out = {key: parts for key, parts in left_out.items() if key not in forced}
        known[schema.id] = frozenset(
            each.name
            for each in schema.attributes
            if not each.is_hidden
            and (
                each.returned != "request"
                or (schema.id, each.name) in (written if included is None else included)
            )
        )
    return Projection(included, left_out, always, known)


def _read(kind: ResourceType, listed: str) -> _Chosen:
    chosen: _Chosen = {}
    for written in listed.split(","):
        path = attribute_path(written.strip())
        place = kind.find_anywhere(path) if path is not None else None
        if place is None:
            continue
        if place.attribute is None:
            schema = kind.schema if place.extension is None else kind.urns[place.extension.lower()]
            chosen.update({(place.extension, each.name): None for each in schema.attributes})
            continue
        key = (place.extension, place.attribute.name)
        if place.sub is None:
            chosen[key] = None
        elif chosen.get(key, frozenset()) is not None:
            chosen[key] = (chosen.get(key) or frozenset()) | {place.sub.name}
    return chosen


def _keep(value: Any, parts: frozenset[str] | None) -> Any:
    if parts is None:
        return value
    if isinstance(value, list):
        return [each for each in (_keep(each, parts) for each in value) if each] or None
    return (
        {name: held for name, held in value.items() if name in parts} or None
        if isinstance(value, dict)
        else value
    )


def _drop(value: Any, parts: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [each for each in (_drop(each, parts) for each in value) if each] or None
    return (
        {name: held for name, held in value.items() if name not in parts} or None
        if isinstance(value, dict)
        else value
    )
