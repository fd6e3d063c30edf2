"""Calls to addresses that a tenant typed, over real sockets (the same for SAML metadata: tests/saml/test_fetch.py)."""

import gzip
import socket
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

import pytest

from identity.outbound import Answer, Caller, Unreachable, _authorities, addresses_of, connected
from tests.site import opened
from tests.waiting import PATIENCE, eventually

BOMB = gzip.compress(b"x" * 50_000_000)


class Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.seen.append((self.client_address[1], self.headers["Host"], self.headers["Authorization"]))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/drip-headers":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            with suppress(OSError):
                for number in range(40):
                    self.wfile.write(f"X-{number}: x\r\n".encode())
                    self.wfile.flush()
                    time.sleep(0.1)
            self.close_connection = True
            return
        if self.path == "/bomb":
            body = BOMB
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)
            return
        if self.path in {"/drip", "/drip-without-length"}:
            self.send_response(200)
            if self.path == "/drip":
                self.send_header("Content-Length", "1000")
            self.end_headers()
            with suppress(OSError):
                for _ in range(20):
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.1)
            self.close_connection = True
            return
        status, answer = {"/": (200, body), "/away": (302, b""), "/large": (200, b"x" * 2000)}[self.path]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://169.254.169.254/")
        self.send_header("X-Kind", "Test")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def site(settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("localhost",)
    _authorities()  # to read them counts into the time of the first call
    with opened(Site, seen=[]) as server:
        yield server


def test_calls_go_under_the_name_that_was_typed_over_one_connection(site):
    with Caller(seconds_max=5, bytes_max=1000) as caller:
        answers = [
            caller.call("POST", f"{site.root}/", headers={"Authorization": "Bearer x"}, content=b"hi")
            for _ in "ab"
        ]
    assert [(type(answer), answer.status, answer.body, answer.headers["x-kind"]) for answer in answers] == [
        (Answer, 200, b"hi", "Test")
    ] * 2
    assert len({port for port, _, _ in site.seen}) == 1
    assert {rest for _, *rest in map(tuple, site.seen) for rest in [tuple(rest)]} == {
        (f"localhost:{site.server_address[1]}", "Bearer x")
    }


def test_a_redirect_is_an_answer_and_nobody_follows_it(site):
    with Caller(seconds_max=5, bytes_max=1000) as caller:
        answer = caller.call("POST", f"{site.root}/away", content=b"")
    assert (answer.status, answer.headers["location"]) == (302, "http://169.254.169.254/")


def test_a_call_after_one_that_was_cut_off_goes_over_a_new_connection(site):
    with Caller(seconds_max=2, bytes_max=1000) as caller:
        assert caller.call("POST", f"{site.root}/", content=b"hi").body == b"hi"
        with pytest.raises(Unreachable, match="longer"):
            caller.call("POST", f"{site.root}/drip-headers", content=b"")
        assert caller.call("POST", f"{site.root}/", content=b"hi").body == b"hi"


@pytest.mark.parametrize(
    ("path", "seconds_max", "why"),
    [
        ("/large", PATIENCE, "larger than 1000 bytes"),
        ("/bomb", PATIENCE, "larger than 1000 bytes"),
        ("/drip", 0.5, "longer than 0.5 seconds"),
        ("/drip-without-length", 0.5, "longer than 0.5 seconds"),
        ("/drip-headers", 0.5, "longer than 0.5 seconds"),
    ],
)
def test_floods_and_drips_end_at_the_limit(site, path, seconds_max, why):
    with Caller(seconds_max=seconds_max, bytes_max=1000) as caller, pytest.raises(Unreachable, match=why):
        caller.call("POST", site.root + path, content=b"")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("64:ff9b::5db8:d70e", True),
        ("2002:5db8:d70e::1", True),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::1", False),
    ],
)
def test_an_address_is_where_somebody_on_the_way_will_take_it(monkeypatch, address, public):
    """A network with IPv6 alone reaches the other world by addresses that carry those of it, private ones too."""
    found = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    if public:
        assert addresses_of("idp.example", 443) == [address]
    else:
        with pytest.raises(Unreachable):
            addresses_of("idp.example", 443)


@pytest.fixture
def of_both_kinds(site, monkeypatch):
    """Give a name the addresses that Debian's /etc/hosts gives localhost; nobody listens at the first."""
    port = site.server_address[1]
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
    ]
    real = socket.getaddrinfo

    def resolved(host, *given, **named):
        return found if host == "localhost" else real(host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    assert addresses_of("localhost", port) == ["::1", "127.0.0.1"]
    return site


def test_a_name_whose_first_address_leads_nowhere_is_reached_by_the_next(of_both_kinds):
    with Caller(seconds_max=5, bytes_max=1000) as caller:
        assert [caller.call("POST", f"{of_both_kinds.root}/", content=b"hi").body for _ in "ab"] == [
            b"hi"
        ] * 2
    assert len(of_both_kinds.seen) == 2
    with connected("localhost", of_both_kinds.server_address[1], 5) as made:
        assert (made.getpeername()[0], made.gettimeout()) == ("127.0.0.1", 5)


def test_a_call_that_began_at_one_address_is_not_made_at_another(of_both_kinds):
    with Caller(seconds_max=2, bytes_max=1000) as caller, pytest.raises(Unreachable, match="longer"):
        caller.call("POST", f"{of_both_kinds.root}/drip-headers", content=b"")
    assert eventually(lambda: of_both_kinds.seen)
    assert len(of_both_kinds.seen) == 1


@pytest.mark.parametrize(
    "typed",
    ["ftp://localhost/", "localhost", "http://", "http://localhost:99999/", "http://[::1", "http://no-such-name.invalid/", "http://127.0.0.1:9/",
     "http://a\0b/", "http://" + "a" * 300 + "/"],
)  # fmt: skip
def test_what_is_no_address_of_the_public_network_is_refused_with_a_reason(site, typed):
    with Caller(seconds_max=0.5, bytes_max=1000) as caller, pytest.raises(Unreachable, match=r"\w"):
        caller.call("GET", typed)
    assert site.seen == []
