"""A charset by which no text can be read is refused by every door; every other one comes in."""

# ruff: noqa: F811 - the fixture of another file is asked for by its name

import pytest

from tests.config.test_gate import (
    send,
    through,  # noqa: F401 - a fixture
)

pytestmark = pytest.mark.usefixtures("db")


CHARSETS = [
    "charset=base64", "Charset=rot13", 'charset="bz2"', "charset=idna", "charset=punycode", "charset=undefined",
    "charset=unicode_escape", "charset=raw_unicode_escape", "charset=utf-7", "x*=nosuch''%41", "x*=idna''%ff",
]  # fmt: skip


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/scim/v2/Users", "application/scim+json"),
        ("/api/v1/me", "application/problem+json"),
        ("/saml2/01900000-0000-7000-8000-000000000000/acs", "text/plain; charset=utf-8"),
    ],
)
def test_a_charset_by_which_no_text_can_be_read_is_refused(through, path, kind, charset):
    """Django makes bytes of the query by it before any view or middleware is asked, and the server would answer 500."""
    more = {
        "PATH_INFO": path,
        "QUERY_STRING": "a=%ff",
        "CONTENT_TYPE": f"multipart/form-data; boundary=x; {charset}",
    }
    for method in ("POST", "GET"):
        status, headers, content = send(through, b"", REQUEST_METHOD=method, **more)
        assert (status, headers["Content-Type"]) == (415, kind)
        assert b"UTF-8" in content


@pytest.mark.parametrize(
    "charset",
    [
        "",
        "charset=utf-8",
        'charset="UTF-8"',
        "charset=us-ascii",
        "charset=iso-8859-1",
        "charset=no-such",
        "x*=utf-8''%41",
    ],
)
def test_every_other_charset_comes_in(through, okta, charset):
    label = f"application/scim+json; {charset}"
    body = b'{"userName": "mei@example.org"}'
    assert send(through, body, okta.secret, CONTENT_TYPE=label, CONTENT_LENGTH=str(len(body)))[0] == 201
