"""One thing asked of us: by a request of its own, or by one operation of a Bulk request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scim import profiles, projection
from scim.authentication import Caller
from scim.errors import Code, ScimError
from scim.normaliser import Patch, Resource
from scim.profiles import Profile
from scim.projection import Projection
from scim.schemas import ResourceType

_TAG = re.compile(r'(?:W/)?"([^"]*)"')
_COMPRESSED = re.compile(r"-(?:gzip|br|zstd)$")


@dataclass(slots=True)
class Call:
    """Who asks for what. `query` has its names in lower case; `understood` collects what the normaliser made of bodies."""

    who: Caller
    body: dict[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    query_string: str = ""
    user_agent: str = ""
    if_match: str | None = None
    if_none_match: str | None = None
    understood: list[Patch | Resource] = field(default_factory=list)

    @property
    def speaks(self) -> Profile:
        """The profile of the client that calls."""
        return profiles.speaking(self.user_agent, self.query_string, self.who.directory.idp)

    def choice(self, kind: ResourceType) -> Projection:
        """Return which attributes the answer is to show."""
        return projection.chosen_by(kind, self.query, self._written(kind))

    def _written(self, kind: ResourceType) -> frozenset[tuple[str | None, str]]:
        """Return what the request has written of the attributes that are shown on request, each as extension and name."""
        asked: frozenset[tuple[str | None, str]] = frozenset(
            (schema.id, each.name)
            for schema in kind.own or ()
            for each in schema.attributes
            if each.returned == "request"
        )
        if not asked or not self.understood:
            return frozenset()
        wanted = self.understood[-1]
        if isinstance(wanted, Patch):
            return asked & {(each.place.extension, each.attribute.name) for each in wanted.operations}
        return frozenset(key for key in asked if key[1] in (wanted.attributes.get(key[0] or "") or ()))

    def check_match(self, version: int) -> None:
        """Refuse with version_changed when If-Match names another version, or If-None-Match this one (RFC 7644 §3.14, RFC 9110 §13.1)."""
        is_another = self.if_match is not None and not names(self.if_match, version)
        if is_another or (self.if_none_match is not None and names(self.if_none_match, version)):
            raise ScimError(Code.VERSION_CHANGED)

    def knows(self, version: int | str) -> bool:
        """Tell whether If-None-Match names this very version, so that 304 is the answer."""
        return self.if_none_match is not None and is_known(self.if_none_match, version)


def names(header: str, version: int) -> bool:
    """Tell whether the condition of a change names the version: of a tag what is before a dot, since the rest no client writes."""
    # Some clients send the bare number, without the quotes.
    written = [*_tags(header), header.strip()]
    return header.strip() == "*" or any(each.partition(".")[0] == str(version) for each in written)


def is_known(header: str, version: int | str) -> bool:
    """Tell whether an If-None-Match names the very version."""
    return header.strip() in {"*", str(version)} or str(version) in _tags(header)


def _tags(header: str) -> list[str]:
    """Return the tags that are named, without what Apache puts behind ours when it compresses an answer."""
    return [_COMPRESSED.sub("", each) for each in _TAG.findall(header)]
