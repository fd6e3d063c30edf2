"""Clients that send half of what they announce, or nothing, or take nothing, keep nobody waiting: on real web processes."""

import http.client
import os
import signal
import socket
import subprocess
import time
from contextlib import ExitStack

import orjson
import pytest

from config import clients, start
from config.environment import ROOT
from tests.operations.machine import wait_for
from tests.ports import free_port
from tests.waiting import PATIENCE

BODY = b'{"userName": "mei@example.org"}'


class Web:
    """The address of the web processes, and clients of theirs by hand."""

    def __init__(self, port: int, held: ExitStack) -> None:
        self.port = port
        self.held = held

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def hold(self, number: int, begun: bytes = b"") -> list[socket.socket]:
        """Open connections, send the beginning of something by each, and keep them open."""
        opened = []
        for _ in range(number):
            one = self.held.enter_context(
                socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
            )
            one.sendall(begun)
            opened.append(one)
        return opened

    def create(self, secret: str, name: bytes = b"mei") -> tuple[int, str]:
        status, answer = self.ask(
            "POST", "/scim/v2/Users", BODY.replace(b"mei", name),
            **{"Authorization": f"Bearer {secret}", "Content-Type": "application/scim+json"},
        )  # fmt: skip
        return status, orjson.loads(answer).get("detail", "")


@pytest.fixture(scope="module")
def port(environment):
    """Give the port of one web process of four threads, as `serve` runs it where a process may open the usual number of files."""
    port = free_port()
    process = subprocess.Popen(
        ["sh", "-c", 'ulimit -Sn 1024 && exec "$@"', "sh", *start.web("127.0.0.1", port)],
        cwd=ROOT,
        env={**environment, "ROLLCALL_WEB_WORKERS": "1"},
        start_new_session=True,
    )
    try:
        with ExitStack() as held:
            wait_for(lambda: is_alive(Web(port, held)))
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)


@pytest.fixture
def web(port, db):
    """Give a way to the web process; what is held is let go of at the end."""
    clients.take_descriptors()
    with ExitStack() as held:
        yield Web(port, held)


def is_alive(web: Web) -> bool:
    try:
        return web.ask("GET", "/healthz")[0] == 200
    except OSError:
        return False


def half(path: str = "/scim/v2/Users") -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(BODY)}",
    )
    return "\r\n".join((*lines, "", "")).encode() + BODY[:5]


def test_half_sent_bodies_keep_nobody_waiting(web, okta):
    for path in ("/scim/v2/Users", "/api/v1/organizations", "/sign-in", "/saml2/x/acs"):
        web.hold(4, half(path))
    in_chunks = (
        b"POST /scim/v2/Users HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}   \r\n"
    )
    web.hold(4, in_chunks)
    for number in range(10):
        assert web.ask("GET", "/sign-in")[0] == 200
        assert web.create(okta.secret, b"p%d" % number)[0] == 201


def test_more_than_there_are_threads_for_are_refused_and_then_cut_off(web, okta):
    slow = web.hold(clients.THREADS + 40, half())
    assert web.ask("GET", "/sign-in")[0] == 200
    wait_for(lambda: web.create(okta.secret)[0] in {201, 409})
    assert web.ask("GET", "/sign-in")[0] == 200
    ended = [each.recv(1000)[:12] for each in slow]  # none of them is still open
    assert set(ended) <= {b"", b"HTTP/1.1 408", b"HTTP/1.1 503"}


def test_a_body_that_takes_its_time_is_taken(web, okta):
    (slow,) = web.hold(
        1, half().replace(b"Host:", b"Authorization: Bearer " + okta.secret.encode() + b"\r\nHost:")
    )
    for place in range(5, len(BODY)):
        time.sleep(0.02)
        slow.sendall(BODY[place : place + 1])
    assert slow.recv(1000).startswith(b"HTTP/1.1 201")


def test_a_client_that_leaves_in_the_middle_of_a_body_has_done_nothing(web, okta):
    (gone,) = web.hold(
        1, half().replace(b"Host:", b"Authorization: Bearer " + okta.secret.encode() + b"\r\nHost:")
    )
    gone.shutdown(socket.SHUT_WR)
    assert gone.recv(1000)[:12] in {b"", b"HTTP/1.1 408"}
    assert web.create(okta.secret)[0] == 201


@pytest.mark.parametrize(
    "begun", [b"", b"GET /healthz HTTP/1.1\r\nHost: loc", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"]
)
def test_thousands_of_idle_connections_keep_nobody_waiting(web, begun):
    web.hold(2000, begun)
    assert web.ask("GET", "/sign-in")[0] == 200


def test_who_takes_no_answer_keeps_nobody_waiting(web):
    page = b"GET /static/console/vendor/tabler.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    web.hold(40, page * 20)
    assert web.ask("GET", "/sign-in")[0] == 200


def test_many_at_once_are_answered_each(web, okta):
    """Also after threads were made for them that are held back since."""
    head = {"Authorization": f"Bearer {okta.secret}"}
    for _ in range(3):
        asked = f"GET /scim/v2/Users?count=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: {head['Authorization']}\r\n\r\n"
        opened = web.hold(200, asked.encode())
        assert {each.recv(1000)[:12] for each in opened} <= {b"HTTP/1.1 200", b"HTTP/1.1 429"}
    assert web.ask("GET", "/scim/v2/Users?count=1", **head)[0] in {200, 429}


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (b"TRACE /scim/v2/Users HTTP/1.1\r\nHost: localhost\r\n\r\n", b"HTTP/1.1 4"),
        (b"BREW /api/v1/me HTTP/1.1\r\nHost: localhost\r\n\r\n", b"HTTP/1.1 4"),
        (b"GET /healthz HTTP/1.0\r\n\r\n", b"HTTP/1.0 200"),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", b"HTTP/1.1 431"),
        (b"POST /scim/v2/Users HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n", b"HTTP/1.1 400"),
        (b"POST /scim/v2/Users HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n", b"HTTP/1.1 4"),
        (b"POST /api/v1/me HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n", b"HTTP/1.1 413"),
        (b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", b"HTTP/1.1 100"),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3, b"HTTP/1.1 200"),
        (b"\x16\x03\x01\x02\x00\x01", b""),
    ],
)  # fmt: skip
def test_what_is_odd_is_answered_or_refused(web, asked, answered):
    (odd,) = web.hold(1)
    odd.sendall(asked)
    odd.shutdown(socket.SHUT_WR) if answered == b"" else None
    assert odd.recv(1000).startswith(answered)
    assert web.ask("GET", "/healthz")[0] == 200
