"""SCIM is answered before anything that is there for browsers, and everything else is not."""

import gc

import orjson
import pytest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connection
from django.test import Client, RequestFactory

from config.scim_wsgi import ScimFirst
from scim.address import base_url
from tests.scim.talk import Scim

pytestmark = pytest.mark.usefixtures("db")
OF_PAGES = ("Content-Security-Policy", "X-Frame-Options", "Cross-Origin-Opener-Policy", "Vary", "Set-Cookie")


def test_scim_answers_have_what_machines_need_and_nothing_of_pages(okta):
    idp = Scim(okta)
    for answer in (idp.get("/Users"), idp.get("/Users/nobody"), idp.get("/nothing"), Scim("").get("/Users")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Request-ID"]
        assert int(answer.headers["Content-Length"]) > 0
        assert not [name for name in OF_PAGES if name in answer.headers]


@pytest.mark.parametrize("path", ["/scim/v3/Users", "/sign-in"])
def test_every_other_address_goes_the_way_of_pages(acme, path):
    assert "Content-Security-Policy" in Client().get(path).headers


def test_a_wrong_base_address_is_told_the_right_one_in_words_that_its_client_reads():
    client = Client(enforce_csrf_checks=True)
    said = f"There is nothing at this address; the base address is {base_url()}, with nothing behind it. [no_endpoint]"
    for path in (
        "/Users",
        "/Groups/x",
        "/scim",
        "/scim/ServiceProviderConfig",
        "/SCIM/V2/users",
        "/scim/v2Users",
    ):
        for answer in (client.get(path), client.post(path)):
            assert (answer.status_code, answer.json()["detail"]) == (404, said)
            assert answer.headers["Content-Type"] == "application/scim+json"
    for path in ("/users", "/o/acme/groups/0/", "/scimitar"):
        assert client.get(path).headers["Content-Type"] == "text/html; charset=utf-8"


def test_transport_security_is_said_where_the_transport_is_secure(okta, settings):
    settings.SECURE_HSTS_SECONDS = 3600
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    headers = {"Authorization": f"Bearer {okta.secret}"}
    said = Client().get("/scim/v2/Users", headers=headers, secure=True).headers
    assert said["Strict-Transport-Security"] == "max-age=3600; includeSubDomains"
    assert "Strict-Transport-Security" not in Client().get("/scim/v2/Users", headers=headers).headers
    settings.SECURE_HSTS_SECONDS = 0
    said = Client().get("/scim/v2/Users", headers=headers, secure=True).headers
    assert "Strict-Transport-Security" not in said


def test_where_everybody_is_sent_to_https_so_is_scim(okta, settings):
    settings.SECURE_SSL_REDIRECT = True
    headers = {"Authorization": f"Bearer {okta.secret}"}
    answer = Client().get("/scim/v2/Users", headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://testserver/scim/v2/Users")
    assert Client().get("/scim/v2/Users", headers=headers, secure=True).status_code == 200


def test_a_name_that_is_not_ours_is_refused(okta):
    answer = Client().get(
        "/scim/v2/Users", headers={"Authorization": f"Bearer {okta.secret}", "Host": "elsewhere.example"}
    )
    assert answer.status_code == 400


def asked(
    path: str, secret: str, *, server: ScimFirst | None = None, **environ: str
) -> tuple[str, dict[str, str], bytes]:
    """Ask the application that granian serves, behind its gate (test_gate.py), or another one."""
    from config.wsgi import (
        application,
    )  # looks for garbage in all that is loaded, in each worker that collects this

    said: list[tuple[str, list[tuple[str, str]]]] = []
    given = {"HTTP_AUTHORIZATION": f"Bearer {secret}", "HTTP_HOST": "testserver", **environ}
    request = RequestFactory().get(path, **given).environ
    body = b"".join(
        (server or application.application)(request, lambda status, headers: said.append((status, headers)))
    )
    ((status, headers),) = said
    return status, dict(headers), body


def test_the_server_takes_scim_to_its_door_past_djangos_handler(okta):
    person = (
        Scim(okta)
        .post("/Users", {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "jane"})
        .body
    )
    status, headers, body = asked(f"/scim/v2/Users/{person['id']}", okta.secret)
    by_middleware = Scim(okta).get(f"/Users/{person['id']}")
    assert status == "200 OK"
    assert orjson.loads(body) == by_middleware.body
    own = {"X-Request-ID"}
    assert {name: value for name, value in headers.items() if name not in own} == {
        name: value for name, value in by_middleware.headers.items() if name not in own
    }


def test_what_is_not_scims_goes_to_djangos_handler(okta):
    assert asked("/scim/v2s", okta.secret)[0] == "404 Not Found"
    assert asked("/healthz", okta.secret)[2] == b"ok\n"


def test_past_djangos_handler_too_nobody_is_let_in_or_crashes(okta):
    assert asked("/scim/v2/Users", "rcd_wrong")[0] == "401 Unauthorized"
    assert asked("/scim/v2/Users", okta.secret, HTTP_HOST="elsewhere.example")[0] == "400 Bad Request"
    # The base address itself is asked for people and groups (tests/scim/test_searches.py).
    assert {asked(path, okta.secret)[0] for path in ("/scim/v2", "/scim/v2/")} == {"200 OK"}
    for path in ("/scim/v2/nothing", "/scim/v2/Users/a%0Ab", "/scim/v2/a%0Ab", "/scim/v2/%ff"):
        status, headers, body = asked(path, okta.secret)
        assert (status, headers["Content-Type"]) == ("404 Not Found", "application/scim+json"), path
        assert orjson.loads(body)["status"] == "404"


def test_past_djangos_handler_too_scim_is_sent_to_https(okta, settings):
    settings.SECURE_SSL_REDIRECT = True
    status, headers, _ = asked("/scim/v2/Users?count=1", okta.secret, server=ScimFirst(WSGIHandler()))
    assert (status, headers["Location"]) == (
        "301 Moved Permanently",
        "https://testserver/scim/v2/Users?count=1",
    )


def test_a_broken_connection_is_given_back_after_the_request(okta):
    """The next request opens another one, as behind Django's handler."""
    connection.ensure_connection()
    connection.connection.pgconn.finish()
    connection.errors_occurred = True
    connection.in_atomic_block, before = False, connection.in_atomic_block
    try:
        asked("/scim/v2/nothing", okta.secret)
        assert connection.connection is None
    finally:
        connection.in_atomic_block = before


def _requests() -> int:
    return sum(type(each) is WSGIRequest for each in gc.get_objects())


@pytest.mark.parametrize(
    "path", ["/scim/v2/Users", "/scim/v2/Users/nobody", "/scim/v2/Groups", "/scim/v2/Schemas"]
)
def test_a_request_is_gone_with_its_answer(okta, path):
    """What held itself would wait for the garbage collector, which takes its time from everybody's requests."""
    asked(path, okta.secret)
    gc.collect()
    before = _requests()
    assert asked(path, okta.secret)[0]
    # Fewer, where one of another test went meanwhile.
    assert _requests() <= before
