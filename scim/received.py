"""What a request carries, its body and its parameters: read once, within limits, also before we know who sends it."""

from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest

from scim import projection, protocol, request_log
from scim.errors import Code, ScimError

# A body beyond it is not read before we know who sends it.
FORESEEN_BYTES_MAX: Final = 16 * 1024
_LISTS: Final = frozenset({"attributes", "excludedattributes"})
# What Django reads in place of what is no UTF-8.
_REPLACED: Final = "\ufffd"
_BODY_TYPES: Final = ("application/scim+json", "application/json", "text/json")
# A few packed bytes can be gigabytes; no client is known that packs what it sends.
_BODY_CODINGS: Final = ("identity", "")
_UTF_8: Final = ("", "utf-8", "utf8")
# Where a request keeps what was read: for the question that was foreseen, and then for its answer.
_QUERY: Final = "scim_query"
_BODY: Final = "scim_body"


def read_body(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object that was sent. ScimError media_type, body_too_large, body_not_json, and so on."""
    kept: dict[str, Any] | None = getattr(request, _BODY, None)
    if kept is not None:
        return kept
    kind, _, label = request.META.get("CONTENT_TYPE", "").partition(";")
    if kind.strip().lower() not in _BODY_TYPES:
        raise ScimError(Code.MEDIA_TYPE)
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in _BODY_CODINGS:
        raise ScimError(Code.CONTENT_ENCODING, {"Accept-Encoding": "identity"})
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > protocol.BODY_BYTES_MAX:
        raise ScimError(Code.BODY_TOO_LARGE, limit=protocol.BODY_BYTES_MAX)
    # What was read already was read for the question that was foreseen, and then it was no JSON.
    body = request_log.of(request).raw or request.read(protocol.BODY_BYTES_MAX + 1)
    if len(body) > protocol.BODY_BYTES_MAX:
        raise ScimError(Code.BODY_TOO_LARGE, limit=protocol.BODY_BYTES_MAX)
    request_log.of(request).raw = body
    # JSON is UTF-8 whatever a label says (RFC 8259 §8.1); but where the two would differ, somebody's name would be stored wrong.
    if label and not body.isascii() and (charset := _charset(label)) not in _UTF_8:
        raise ScimError(Code.BODY_CHARSET, charset=charset[:40])
    read = protocol.read_object(body)
    setattr(request, _BODY, read)
    return read


def foreseen_body(request: HttpRequest) -> dict[str, Any]:
    """Return the object that was sent before we know by whom, or an empty one where it is too long for that. ScimError as above."""
    return read_body(request) if _is_short(request) else {}


def has_read(request: HttpRequest) -> bool:
    """Read what was sent before we know by whom; tell whether it is all there. What is wrong with it is said in its turn."""
    if _is_short(request):
        with suppress(ScimError):
            read_body(request)
        return True
    return False


def _is_short(request: HttpRequest) -> bool:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return length.isdigit() and int(length) <= FORESEEN_BYTES_MAX


def _charset(label: str) -> str:
    for parameter in label.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""


def read_query(request: HttpRequest) -> dict[str, str]:
    """Return the parameters by their names in lower case; lists of attributes may come in several. ScimError parameter_wrong."""
    kept: dict[str, str] | None = getattr(request, _QUERY, None)
    if kept is not None:
        return kept
    found: dict[str, str] = {}
    if not request.META.get("QUERY_STRING"):
        return found
    for written, values in request.GET.lists():
        name = written.lower()
        if "?" in name:
            # A filter may stand behind it, which must not be passed over: everybody would be the answer.
            raise ScimError(
                Code.PARAMETER_WRONG,
                name=written,
                expected="joined by “&”: a query has one “?”, at its beginning",
            )
        for value in values:
            if name in _LISTS and name in found:
                found[name] += f",{value}"
            elif found.setdefault(name, value) != value:
                # Of two filters neither may be dropped: the answer would be another one than what was asked for.
                raise ScimError(Code.PARAMETER_WRONG, name=written, expected="given once")
            if _REPLACED in value and not _is_utf8(request.META["QUERY_STRING"]):
                raise ScimError(Code.PARAMETER_WRONG, name=written, expected="text in UTF-8")
        if name in _LISTS:
            projection.check(written, found[name])
    setattr(request, _QUERY, found)
    return found


def _is_utf8(query: str) -> bool:
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        return False
    return True
