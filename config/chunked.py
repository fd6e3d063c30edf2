"""Gives a body that comes in chunks a length: in WSGI what has no length has no body, and clients as .NET's send JSON in chunks."""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, Final

# As much as the largest body that anything here takes; one byte more, and whoever reads it refuses it for its length.
BYTES_MAX: Final = 16 * 1024 * 1024

_Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class WholeBody:
    """A WSGI application that reads such a body before the one behind it, up to the limit."""

    def __init__(self, application: _Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Pass the request on."""
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            body = environ["wsgi.input"].read(BYTES_MAX + 1)
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        return self.application(environ, start_response)
