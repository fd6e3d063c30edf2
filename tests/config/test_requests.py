"""Each request is known by an id, its caller's true address and its door."""

import json
import logging
import uuid

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from audit import context
from config import request_lines
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


@pytest.fixture
def lines_wanted():
    """Have lines of the level INFO written."""
    logger = logging.getLogger(request_lines.LOGGER)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(before)


@pytest.mark.usefixtures("lines_wanted")
def test_each_request_leaves_one_line_without_its_address(ask, settings, capsys):
    settings.ROLLCALL_LOG_FORMAT = "json"
    response, _ = ask("/api/v1/members/jane@acme.example?token=secret")
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert said.pop("milliseconds") >= 0
    assert said.pop("timestamp").endswith("Z")
    assert said == {
        "event": "request", "level": "info", "logger": "rollcall.request", "method": "GET", "route": "unknown",
        "status": 200, "source": "api", "request_id": response["X-Request-ID"],
    }  # fmt: skip


@pytest.mark.usefixtures("lines_wanted")
def test_a_developer_reads_the_same_as_text(ask, settings, capsys):
    settings.ROLLCALL_LOG_FORMAT = "text"
    response, _ = ask()
    (line,) = capsys.readouterr().err.splitlines()
    assert "[info     ] request                        [rollcall.request] method=GET milliseconds=" in line
    assert line.endswith(f"request_id={response['X-Request-ID']} route=unknown source=api status=200")


@pytest.mark.usefixtures("lines_wanted")
def test_a_token_sent_as_request_id_is_in_no_line(ask, settings, capsys):
    settings.ROLLCALL_LOG_FORMAT = "json"
    ask(**{"X-Request-ID": "rcd_0123456789ab_secretsecretsecret"})
    assert "secretsecret" not in capsys.readouterr().err


def test_where_only_warnings_are_wanted_requests_leave_no_line(ask, capsys):
    logger = logging.getLogger(request_lines.LOGGER)
    logger.setLevel(logging.WARNING)
    try:
        ask()
    finally:
        logger.setLevel(logging.NOTSET)
    assert capsys.readouterr().err == ""
