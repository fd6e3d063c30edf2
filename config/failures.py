"""What fails before or beside every view is answered in the words of whoever asked: SCIM's clients read no pages."""

import sys
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views import defaults

from config.middleware import source
from identity.api.problems import CONTENT_TYPE, Answer
from scim.door import reply
from scim.errors import Code, ScimError, of_crash

_SCIM = "/scim/v2"
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


def crashed(request: HttpRequest) -> HttpResponse:
    """Answer where a bug was met and logged: 500; where the database was away, or too slow, 503 and when to come again."""
    error = of_crash(sys.exc_info()[1])
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


def _scim(error: ScimError) -> HttpResponse:
    return reply(error.document(), error.status, error.headers)
