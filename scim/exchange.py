"""What a logged request keeps under seal: query, headers, bodies and answer, bounded, and none of their secrets."""

import zlib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson

from identity import secrets
from scim import masking
from scim.normaliser import Patch, Resource
from scim.operations import Operation

RAW_BYTES_MAX: Final = 256 * 1024
ANSWER_BYTES_MAX: Final = 16 * 1024
# By the names that WSGI has for them (PEP 3333).
HEADERS: Final = {
    "CONTENT_TYPE": "Content-Type",
    "HTTP_ACCEPT": "Accept",
    "HTTP_IF_MATCH": "If-Match",
    "HTTP_IF_NONE_MATCH": "If-None-Match",
    "HTTP_USER_AGENT": "User-Agent",
}
HEADER_CHARACTERS_MAX: Final = 500
_PLAIN: Final = b"\0"
_PACKED: Final = b"\1"
_PACK_FROM_BYTES: Final = 1024


@dataclass(slots=True)
class Exchange:
    """One request and its answer. `raw` is the body as it came, None where it is not kept; `normalised` is what we made of it.

    `is_whole` says that the body is all there, so that the request can be run again.
    """

    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    raw: str | None = None
    raw_bytes: int = 0
    is_whole: bool = True
    normalised: list[Any] = field(default_factory=list)
    answer: str = ""
    answer_bytes: int = 0


def written(
    raw: bytes,
    understood: list[Patch | Resource],
    answer: bytes,
    hidden: Collection[str] = (),
    **known: Any,
) -> Exchange:
    """Return what is kept of a request; `hidden` are names of attributes that no answer shows, `known` are query and headers."""
    kept = masking.body(raw[:RAW_BYTES_MAX], hidden) if raw else ""
    # Without a password a request does what it did; without what else it wrote it would do something else.
    is_cut = bool(hidden and raw) and kept != masking.body(raw[:RAW_BYTES_MAX])
    return Exchange(
        **known,
        raw=kept,
        raw_bytes=len(raw),
        is_whole=kept is not None and not is_cut and len(raw) <= RAW_BYTES_MAX,
        normalised=_cleaned(understood, hidden) if len(raw) <= RAW_BYTES_MAX else [],
        answer=answer[:ANSWER_BYTES_MAX].decode(errors="replace"),
        answer_bytes=len(answer),
    )


def _cleaned(understood: list[Patch | Resource], hidden: Collection[str]) -> list[Any]:
    made = [normalised(each) for each in understood]
    try:
        return [masking.masked(each, hidden) for each in made] if hidden else made
    except (ValueError, RecursionError):
        return []


def normalised(wanted: Patch | Resource) -> Any:
    """Return what the normaliser made of a body, as JSON: a resource's attributes, or the canonical operations."""
    if isinstance(wanted, Resource):
        members = {} if wanted.members is None else {"members": list(wanted.members)}
        return {"attributes": wanted.attributes, **members}
    return {"operations": [_operation(each) for each in wanted.operations]}


def seal(organization_id: UUID, row_id: UUID, exchange: Exchange) -> bytes:
    """Return the exchange sealed for this row of the request log."""
    # Packed first: what is sealed can no longer be made smaller, and PostgreSQL would try.
    plain = orjson.dumps(exchange)
    packed = _PACKED + zlib.compress(plain, 1) if len(plain) >= _PACK_FROM_BYTES else _PLAIN + plain
    return secrets.seal(organization_id, _place(row_id), packed)


def unseal(organization_id: UUID, row_id: UUID, sealed: bytes) -> Exchange:
    """Return what was sealed. Raises UnsealError."""
    packed = secrets.open_(organization_id, _place(row_id), sealed)
    plain = zlib.decompress(packed[1:]) if packed[:1] == _PACKED else packed[1:]
    return Exchange(**orjson.loads(plain))


def _place(row_id: UUID) -> str:
    return f"scim_request:{row_id}:exchange"


def _operation(operation: Operation) -> dict[str, Any]:
    place = operation.place
    names = [each.name for each in (place.attribute, place.sub) if each is not None]
    path = ".".join(names) if place.extension is None else f"{place.extension}:{'.'.join(names)}"
    shown: dict[str, Any] = {"kind": operation.kind, "path": path}
    if operation.inner is not None:
        shown["chosen_by"] = operation.written
    if operation.value is not None:
        shown["value"] = operation.value
    return shown
