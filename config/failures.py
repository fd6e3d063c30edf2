"""What fails before or beside every view is answered in the words of whoever asked: SCIM's clients read no pages."""

import sys

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from scim.door import reply
from scim.errors import Code, ScimError, of_crash

_SCIM = "/scim/v2"


def malformed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django refuses to read, as a thousand parameters or a host name that isn't ours: 400."""
    if request.path.startswith(_SCIM):
        return _scim(ScimError(Code.MALFORMED))
    return defaults.bad_request(request, exception)


def crashed(request: HttpRequest) -> HttpResponse:
    """Answer where a bug was met and logged: 500; to SCIM, whose clients come again by themselves, 503 where the database was away."""
    if request.path.startswith(_SCIM):
        return _scim(of_crash(sys.exc_info()[1]))
    return defaults.server_error(request)


def _scim(error: ScimError) -> HttpResponse:
    return reply(error.document(), error.status, error.headers)
