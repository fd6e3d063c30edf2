"""Know each request: its id, where it came from and through which door, for the record, the logs and the counters."""

import re
import time
import uuid
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from audit import context
from config import metrics, request_lines

# What a proxy or a client may hand us: nothing that could break a log line or fill a column.
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
USER_AGENT_LENGTH: Final = 300
DOORS: Final = (("/scim/", "scim"), ("/saml2/", "saml"), ("/api/", "api"))


class RequestContextMiddleware:
    """Bind request id, address, user agent and source for everything that happens in the request; count and log it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the request id in X-Request-ID."""
        begun = time.perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        door = source(request.path_info)
        known = context.Context(
            source=door,
            request_id=request_id,
            ip=client_address(request),
            user_agent=request.META.get("HTTP_USER_AGENT", "")[:USER_AGENT_LENGTH],
        )
        with context.within(known):
            response = self.get_response(request)
        self._tell(request, response, known, time.perf_counter() - begun)
        response["X-Request-ID"] = request_id
        return response

    @staticmethod
    def _tell(request: HttpRequest, response: HttpResponse, known: context.Context, seconds: float) -> None:
        # The route and not the path: paths carry ids, and an unknown path is anybody's text.
        match = request.resolver_match
        route = (match.view_name or match.route) if match else "unknown"
        metrics.count_request(known.source, route, response.status_code, seconds)
        request_lines.write(
            str(request.method),
            route,
            response.status_code,
            seconds,
            request_id=known.request_id,
            source=known.source,
        )


def source(path: str) -> str:
    """Name the door that a path belongs to, as the record calls it."""
    return next((name for prefix, name in DOORS if path.startswith(prefix)), "console")


def client_address(request: HttpRequest) -> str:
    """Give the caller's IP address: the one that the outermost of our own proxies saw. Empty if unknown."""
    proxies: int = settings.ROLLCALL_TRUSTED_PROXIES
    remote: str = request.META.get("REMOTE_ADDR") or ""
    if not proxies:
        return remote
    chain = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    return chain[-proxies] if len(chain) >= proxies else remote
