"""Each request is known by an id, its caller's true address and its door."""

import uuid

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from audit import context
from config.middleware import RequestContextMiddleware, client_address, source


@pytest.fixture
def ask():
    """Give a function that sends a request through the middleware and returns (answer, context inside)."""

    def ask(path: str = "/api/v1/me", **headers: str) -> tuple[HttpResponse, context.Context]:
        seen = []

        def view(_request):
            seen.append(context.current())
            return HttpResponse()

        response = RequestContextMiddleware(view)(RequestFactory().get(path, headers=headers))
        return response, seen[0]

    return ask


def test_an_inbound_request_id_is_taken_over(ask):
    response, inside = ask(**{"X-Request-ID": "edge-0123456789"})
    assert response["X-Request-ID"] == inside.request_id == "edge-0123456789"


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 65, "line\nbreak-in-it", "quote\"quote'", "ümlaut-ümlaut"]
)
def test_an_ill_formed_request_id_is_replaced(ask, given):
    response, inside = ask(**{"X-Request-ID": given})
    assert uuid.UUID(response["X-Request-ID"])
    assert inside.request_id == response["X-Request-ID"]


def test_the_context_ends_with_the_request(ask):
    _, inside = ask(**{"User-Agent": "x" * 1000})
    assert inside.ip == "127.0.0.1"
    assert len(inside.user_agent) == 300
    assert context.current() == context.Context()


@pytest.mark.parametrize(
    ("path", "door"),
    [("/scim/v2/Users", "scim"), ("/saml2/0192/acs", "saml"), ("/api/v1/me", "api"), ("/members", "console")],
)
def test_the_door_follows_from_the_path(path, door):
    assert source(path) == door


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_only_our_own_proxies_are_believed(settings, proxies, forwarded, address):
    settings.ROLLCALL_TRUSTED_PROXIES = proxies
    assert client_address(RequestFactory().get("/", headers={"X-Forwarded-For": forwarded})) == address
