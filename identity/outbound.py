"""Calls to addresses that a tenant typed: resolved once, never into our own network, no redirects, bounded in time and size."""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

import httpx2
from django.conf import settings

_PORTS = {"https": 443, "http": 80}
# What is routed in the open: beside it lie site-local addresses, IPv4-compatible ones, and what one network alone translates.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Unreachable(Exception):
    """The call was not made or not answered within its limits; the text says why, to the person who typed the address."""


class TooLarge(Unreachable):
    """The answer has more bytes than it may."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the headers (their names in lower case) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses to connect to, as text, the first one first: public, or any where ROLLCALL_OUTBOUND_ALLOW lists the host.

    The caller connects to one of these very addresses, so that the name cannot change its meaning between the check and the
    connection. One private address among several refuses them all. Raises Unreachable.
    """
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{host} has no address") from error
    found = list(dict.fromkeys(str(info[4][0]) for info in infos))
    allowed = host in settings.ROLLCALL_OUTBOUND_ALLOW
    if not found or not (allowed or all(_public(address) for address in found)):
        raise Unreachable(
            f"{host} lies inside a private network, and ROLLCALL_OUTBOUND_ALLOW does not list it"
        )
    return found


def connected(host: str, port: int, seconds_max: float) -> socket.socket:
    """Return a connection to the first of the addresses that takes one. Raises Unreachable, and OSError of the last one."""
    *others, last = addresses_of(host, port)
    each_seconds = seconds_max / (len(others) + 1)
    for address in others:
        with suppress(OSError):
            return _connected(address, port, each_seconds, seconds_max)
    return _connected(last, port, each_seconds, seconds_max)


def _connected(address: str, port: int, seconds: float, then_seconds: float) -> socket.socket:
    made = socket.create_connection((address, port), timeout=seconds)
    made.settimeout(then_seconds)
    return made


class Caller:
    """Makes calls over kept connections, one pool for each host, and closes them at the end of its `with` block."""

    def __init__(self, *, seconds_max: float, bytes_max: int) -> None:
        """Each call may take `seconds_max` in all, and its answer have `bytes_max`."""
        self._seconds_max = seconds_max
        self._bytes_max = bytes_max
        # By name and not by address: a kept TLS connection speaks for the one name its certificate was checked against.
        self._clients: dict[str, httpx2.Client] = {}
        self._sockets: dict[str, socket.socket] = {}

    def __enter__(self) -> Self:
        """Begin; nothing is opened yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        for client in self._clients.values():
            client.close()

    def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> Answer:
        """Return the answer, whatever its status; redirects are answers too. Raises Unreachable."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise Unreachable(f"{url[:200]} is not an address") from error
        if not (host and port and parts.scheme in _PORTS):
            raise Unreachable(f"{url[:200]} is not an http or https address")
        ends = time.monotonic() + self._seconds_max
        *others, last = [_literal(address) for address in addresses_of(host, port)]
        asked: dict[str, Any] = {
            "method": method,
            "headers": {**(headers or {}), "Host": parts.netloc.rpartition("@")[2]},
            "content": content,
            "timeout": httpx2.Timeout(self._seconds_max, connect=self._seconds_max / (len(others) + 1)),
            "extensions": {"sni_hostname": host, "trace": self._noting(parts.netloc)},
        }
        try:
            for literal in others:
                # Nothing was sent where no connection came about. A name may well have an address of a kind that leads nowhere from here.
                with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                    return self._answer(parts, f"{literal}:{port}", ends, asked)
            return self._answer(parts, f"{last}:{port}", ends, asked)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            if time.monotonic() >= ends:
                raise Unreachable(f"the answer took longer than {self._seconds_max} seconds") from error
            raise Unreachable(str(error)[:200] or type(error).__name__) from error

    def _answer(self, parts: SplitResult, at: str, ends: float, asked: Mapping[str, Any]) -> Answer:
        url = parts._replace(netloc=at, fragment="").geturl()
        with (
            self._cut_off_in_time(parts.netloc, ends),
            self._client(parts.netloc).stream(url=url, **asked) as response,
        ):
            return Answer(response.status_code, dict(response.headers), self._body(response, ends))

    def _client(self, place: str) -> httpx2.Client:
        if place not in self._clients:
            self._clients[place] = httpx2.Client(
                verify=_authorities(), timeout=self._seconds_max, follow_redirects=False, trust_env=False
            )
        return self._clients[place]

    def _noting(self, place: str) -> Callable[[str, Mapping[str, Any]], None]:
        """Return what remembers the socket of a connection that is opened."""

        def note(event: str, said: Mapping[str, Any]) -> None:
            if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
                self._sockets[place] = said["return_value"].get_extra_info("socket")

        return note

    @contextmanager
    def _cut_off_in_time(self, place: str, ends: float) -> Iterator[None]:
        """Close the connection from outside when the time is over: a server that sends a byte now and then never trips a time-out."""

        def cut() -> None:
            with suppress(OSError, KeyError):
                # Past TLS, whose own shutdown would wait for the other side.
                socket.socket.shutdown(self._sockets[place], socket.SHUT_RDWR)

        watch = threading.Timer(max(ends - time.monotonic(), 0), cut)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _body(self, response: httpx2.Response, ends: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > self._bytes_max:
                raise TooLarge(f"the answer is larger than {self._bytes_max} bytes")
            self._check_time(ends)
        # An answer that announces no length only looks whole when it was cut off.
        self._check_time(ends)
        return bytes(body)

    def _check_time(self, ends: float) -> None:
        if time.monotonic() >= ends:
            raise Unreachable(f"the answer took longer than {self._seconds_max} seconds")


def _literal(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@cache
def _authorities() -> ssl.SSLContext:
    """Return the authorities whose certificates count; reading them takes longer than most calls."""
    return httpx2.create_ssl_context()


def _public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        carried = _carried(parsed)
        if carried is None:
            return parsed.is_global and parsed in _GLOBAL_UNICAST
        parsed = carried
    return parsed.is_global and not parsed.is_multicast


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that somebody on the way takes out of this one, to go there (RFC 4291 2.5.5, 3056, 6052)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
