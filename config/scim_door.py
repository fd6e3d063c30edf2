"""Answers SCIM before anything that is there for browsers: no session, no cookie, no CSRF, no policy for scripts, no static file."""

from collections.abc import Callable
from typing import Final, cast

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch

from config.middleware import RequestContextMiddleware
from scim.urls import app_name, urlpatterns

BASE: Final = "/scim/v2"
_View = Callable[[HttpRequest], HttpResponse]


class ScimDoor:
    """Takes requests below /scim/v2/ to their views by the short way; every other goes on. docs/decisions/scim-door.md says why."""

    def __init__(self, get_response: _View) -> None:
        self.get_response = get_response
        self.known = RequestContextMiddleware(cast("_View", convert_exception_to_response(_viewed)))
        self.headers = {
            # JSON is nothing else, whatever a browser takes it for, and people's data is kept by no cache.
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        self.transport = f"max-age={settings.SECURE_HSTS_SECONDS}"
        if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
            self.transport += "; includeSubDomains"

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer SCIM here."""
        return self.answered(request) if leads_here(request.path_info) else self.get_response(request)

    def answered(self, request: HttpRequest) -> HttpResponse:
        """Return the answer to a request of SCIM."""
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            return self.get_response(request)  # which sends the caller to https
        response = self.known(request)
        headers = response.headers
        if "Content-Length" not in headers:
            headers["Content-Length"] = str(len(response.content))
        for name, value in self.headers.items():
            headers[name] = value
        if settings.SECURE_HSTS_SECONDS and request.is_secure():
            headers["Strict-Transport-Security"] = self.transport
        return response


def leads_here(path: str) -> bool:
    """Tell whether an address is one of SCIM's."""
    return path.startswith(BASE) and (len(path) == len(BASE) or path[len(BASE)] == "/")


def _viewed(request: HttpRequest) -> HttpResponse:
    # Nothing here is made of the name we were called by. It is checked all the same, as everywhere: DisallowedHost becomes 400.
    request.get_host()
    match = request.resolver_match = _resolved(request.path_info)
    response: HttpResponse = match.func(request, **match.kwargs)
    return response


def _resolved(path: str) -> ResolverMatch:
    """Return what Django's `resolve` would, which tries every address of the server and keeps account of what it tried."""
    # A base address with a slash at its end makes /scim/v2//Users of many clients.
    rest = path[len(BASE) :].lstrip("/")
    for each in urlpatterns:
        if found := each.pattern.regex.search(rest):
            return ResolverMatch(
                each.callback, (), found.groupdict(), each.name, app_names=[app_name], namespaces=[app_name]
            )
    raise Resolver404({"path": path})
