"""Know each request: its id, where it came from and through which door, for the record and the logs."""

import re
import uuid
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# What a proxy or a client may hand us: nothing that could break a log line or fill a column.
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
USER_AGENT_LENGTH: Final = 300
DOORS: Final = (("/scim/", "scim"), ("/saml2/", "saml"), ("/api/", "api"))


class RequestContextMiddleware:
    """Bind request id, address, user agent and source for everything that happens in the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the request id in X-Request-ID."""
        given = request.headers.get("X-Request-ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        if find_spec("audit") and find_spec("audit.context"):
            import_module("audit.context").bind(
                request_id=request_id,
                ip=client_address(request),
                user_agent=request.headers.get("User-Agent", "")[:USER_AGENT_LENGTH],
                source=source(request.path_info),
            )
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


def source(path: str) -> str:
    """Name the door that a path belongs to, as the record calls it."""
    return next((name for prefix, name in DOORS if path.startswith(prefix)), "console")


def client_address(request: HttpRequest) -> str | None:
    """Give the caller's IP address: the one that the outermost of our own proxies saw."""
    proxies: int = settings.ROLLCALL_TRUSTED_PROXIES
    remote: str | None = request.META.get("REMOTE_ADDR") or None
    if not proxies:
        return remote
    chain = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    return chain[-proxies] if len(chain) >= proxies else remote
