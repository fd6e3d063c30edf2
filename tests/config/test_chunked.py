"""A body in chunks, whose length no header tells, is read like any other."""

from io import BytesIO

import orjson
import pytest
from django.core.wsgi import get_wsgi_application

from config import chunked
from scim import protocol

pytestmark = pytest.mark.usefixtures("db")


def send(secret: str, body: bytes, **more: str) -> tuple[str, dict[str, str]]:
    answered: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/scim/v2/Users", "SERVER_NAME": "localhost", "SERVER_PORT": "8000",
        "HTTP_HOST": "localhost", "HTTP_AUTHORIZATION": f"Bearer {secret}", "CONTENT_TYPE": "application/scim+json",
        "wsgi.input": BytesIO(body), "wsgi.url_scheme": "http", **more,
    }  # fmt: skip
    application = chunked.WholeBody(get_wsgi_application())
    content = b"".join(application(environ, lambda status, _: answered.append(status)))
    return answered[0][:3], orjson.loads(content)


def test_a_body_in_chunks_is_read(okta):
    status, body = send(okta.secret, b'{"userName": "mei@example.org"}', HTTP_TRANSFER_ENCODING="Chunked")
    assert (status, body["userName"]) == ("201", "mei@example.org")


def test_a_body_in_chunks_that_is_too_large_is_refused(okta):
    assert chunked.BYTES_MAX == protocol.BODY_BYTES_MAX
    body = b'{"userName": "' + b"x" * chunked.BYTES_MAX + b'"}'
    status, refused = send(okta.secret, body, HTTP_TRANSFER_ENCODING="chunked")
    assert (status, refused["detail"].rpartition("[")[2]) == ("413", "body_too_large]")


def test_without_length_and_chunks_there_is_no_body(okta):
    status, refused = send(okta.secret, b'{"userName": "mei@example.org"}')
    assert (status, refused["detail"].rpartition("[")[2]) == ("400", "body_not_json]")
