"""Takes SCIM from the server to its door, and everything else to Django's handler."""

from collections.abc import Callable, Iterable
from typing import Any, cast

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connection
from django.http import HttpRequest, HttpResponse

from config.scim_door import ScimDoor, leads_here


class ScimFirst:
    """A WSGI application before Django's.

    Django's handler goes through the list of middleware, sends two signals to whoever listens, and wraps the answer for whoever closes
    it. Of all that SCIM needs one thing: that a broken connection to the database is given back.
    """

    def __init__(self, django: WSGIHandler) -> None:
        self.django = django
        self.door = ScimDoor(cast("Callable[[HttpRequest], HttpResponse]", django.get_response))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer."""
        if not leads_here(environ.get("PATH_INFO", "")):
            return self.django(environ, start_response)
        request = WSGIRequest(environ)
        try:
            response = self.door.answered(request)
            body = response.content
        finally:
            request.close()
            connection.close_if_unusable_or_obsolete()
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [body]
