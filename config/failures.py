"""What fails before or beside every view is answered in the words of whoever asked: SCIM's clients read no pages."""

import re
import sys
from typing import Final

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views import defaults

from config.middleware import source
from identity.api.problems import CONTENT_TYPE, Answer
from scim.address import base_url
from scim.door import reply
from scim.errors import Code, ScimError, of_crash

_SCIM = "/scim/v2"
# Where a client of SCIM goes whose base address has something wrong about it: /scim, /SCIM/V2, none of it, or no slash at its end.
_MEANS_SCIM: Final = re.compile(
    r"^(?i:/scim(?![^/]))|(?:Users|Groups|Bulk|Schemas|ResourceTypes|ServiceProviderConfigs?)(?:/|$)"
)
log = structlog.get_logger("rollcall.failures")
# What PostgreSQL says where it is away, full or without connections, or takes no changes; without a code it was not reached.
_AWAY: Final = ("", "08", "25", "53", "57")
_TITLES: Final = {
    Code.CRASHED: "Something went wrong",
    Code.UNAVAILABLE: "The database is away",
    Code.TOO_SLOW: "That took too long",
}


def malformed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django refuses to read, as a thousand parameters or a host name that isn't ours: 400."""
    if request.path.startswith(_SCIM):
        return _scim(ScimError(Code.MALFORMED))
    return defaults.bad_request(request, exception)


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer where nothing is: 404, with the base address to whoever means SCIM. Their product shows our sentence, and no page."""
    if _MEANS_SCIM.search(request.path):
        return _scim(ScimError(Code.NO_ENDPOINT, base=base_url()))
    return defaults.page_not_found(request, exception)


def crashed(request: HttpRequest) -> HttpResponse:
    """Answer where a bug was met: 500; where the database was away, or too slow, 503 and when to come again. Have it logged."""
    crash = sys.exc_info()[1]
    error = of_crash(crash)
    response = _answer(request, error)
    _tell(request, crash, error)
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django would, with the path and its ids
    return response


def _answer(request: HttpRequest, error: ScimError) -> HttpResponse:
    door = source(request.path)
    if door == "scim":
        return _scim(error)
    title = _TITLES[error.code]
    if door == "api":
        answer = Answer(error.status, title, error.code.value, error.detail)
        return JsonResponse(
            answer.body(), status=error.status, headers=error.headers, content_type=CONTENT_TYPE
        )
    if error.code is Code.CRASHED:
        return defaults.server_error(request)
    page = render(request, "503.html", {"title": title, "detail": error.detail}, status=error.status)
    for name, value in error.headers.items():
        page[name] = value
    return page


def _tell(request: HttpRequest, crash: BaseException | None, error: ScimError) -> None:
    """Log where it happened. A database that is away is one line: an hour of it would be a gigabyte of tracebacks that say the same."""
    match = request.resolver_match
    route = (match.view_name or match.route) if match else "unknown"
    code = getattr(crash.__cause__, "sqlstate", None) or "" if crash else ""
    if error.code is Code.UNAVAILABLE and code[:2] in _AWAY:
        log.error("database_away", route=route, error=str(crash).partition("\n")[0])
    else:
        log.error("crashed", route=route, status=error.status, exc_info=crash)


def _scim(error: ScimError) -> HttpResponse:
    return reply(error.document(), error.status, error.headers)
