"""Refuses a request before the application sees it, in the words of whoever asked: what is not here whole, or is too much at once."""

import uuid
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

import orjson

from audit import context
from config import metrics, request_lines
from config.middleware import source
from identity.api.problems import CONTENT_TYPE, Answer
from scim.errors import Code, ScimError
from scim.protocol import MEDIA_TYPE

_PHRASES: Final = {
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    503: "Service Unavailable",
}
_AGAIN_SECONDS: Final = 5


class Early(Enum):
    """Why, as (SCIM's code, title)."""

    INCOMPLETE = (Code.BODY_INCOMPLETE, "The body broke off")
    TOO_LARGE = (Code.BODY_TOO_LARGE, "The body is too large")
    CHARSET = (Code.BODY_CHARSET, "The body is in no charset of text")
    BUSY = (Code.BUSY, "Too much is being sent at once")


class EarlyError(Exception):
    """A request is refused; `values` are those that the sentence of the code names."""

    def __init__(self, why: Early, **values: Any) -> None:
        super().__init__(why)
        self.code, self.title = why.value
        self.values = values


def answer(environ: Mapping[str, Any], refusal: EarlyError, start_response: Any) -> list[bytes]:
    """Answer; the connection ends with it, as the rest of the body may never come."""
    code, title = refusal.code, refusal.title
    error, door = ScimError(code, **refusal.values), source(environ.get("PATH_INFO", ""))
    request_id = str(uuid.uuid4())
    if door == "scim":
        kind, body = MEDIA_TYPE, orjson.dumps(error.document())
    elif door == "api":
        with context.bind(request_id=request_id):
            kind = CONTENT_TYPE
            body = orjson.dumps(Answer(error.status, title, code.value, error.detail).body())
    else:
        kind, body = "text/plain; charset=utf-8", f"{title}. {error.detail}\n".encode()
    headers = [
        ("Content-Type", kind), ("Content-Length", str(len(body))), ("Connection", "close"), ("X-Request-ID", request_id),
        ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"),
    ]  # fmt: skip
    if code is Code.BUSY:
        headers.append(("Retry-After", str(_AGAIN_SECONDS)))
    metrics.count_request(door, "gate", error.status, 0.0)
    method = str(environ.get("REQUEST_METHOD", ""))
    request_lines.write(method, "gate", error.status, 0.0, request_id=request_id, source=door)
    start_response(f"{error.status} {_PHRASES[error.status]}", headers)
    return [body]
