"""Answers SCIM before anything that is there for browsers: no session, no cookie, no CSRF, no policy for scripts, no static file."""

from collections.abc import Callable
from typing import Final, cast

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.urls import resolve

from config.middleware import RequestContextMiddleware

BASE: Final = "/scim/v2"
_View = Callable[[HttpRequest], HttpResponse]


class ScimDoor:
    """Takes requests below /scim/v2/ to their views by the short way; every other goes on. docs/decisions/scim-door.md says why."""

    def __init__(self, get_response: _View) -> None:
        self.get_response = get_response
        self.answer = RequestContextMiddleware(cast("_View", convert_exception_to_response(self._answered)))
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
        path = request.path_info
        if path != BASE and not path.startswith(BASE + "/"):
            return self.get_response(request)
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            return self.get_response(request)  # which sends the caller to https
        response = self.answer(request)
        if not response.has_header("Content-Length"):
            response.headers["Content-Length"] = str(len(response.content))
        for name, value in self.headers.items():
            response.headers[name] = value
        if settings.SECURE_HSTS_SECONDS and request.is_secure():
            response.headers["Strict-Transport-Security"] = self.transport
        return response

    def _answered(self, request: HttpRequest) -> HttpResponse:
        # Nothing here is made of the name we were called by. It is checked all the same, as everywhere: DisallowedHost becomes 400.
        request.get_host()
        match = request.resolver_match = resolve(request.path_info)
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        return response
