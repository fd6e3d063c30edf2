"""A small HTTP client: what it costs itself is in every figure, so it does little more than send, receive and check."""

import socket
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import local
from typing import Any

import orjson

_kept = local()


@dataclass(frozen=True)
class Answer:
    """Status and body of an answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body, read."""
        return orjson.loads(self.body)


@dataclass(frozen=True)
class Rate:
    """What was measured: requests a second, the median and the 95th percentile in milliseconds.

    `processor_ms` is what a request cost the processor, in all processes of the server, where that was looked at.
    """

    per_second: float
    median_ms: float
    slow_ms: float
    processor_ms: float = 0.0


@dataclass(frozen=True)
class Peer:
    """A SCIM server: its port, the path of its service and what it is sent for authentication."""

    name: str
    port: int
    base: str
    token: str = ""

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """Send one request on this thread's connection and return the answer."""
        raw = b"" if body is None else orjson.dumps(body)
        head = (
            f"{method} {self.base}{path} HTTP/1.1\r\nHost: localhost:{self.port}\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nUser-Agent: bench\r\nContent-Length: {len(raw)}\r\n\r\n"
        )
        connections = _kept.__dict__.setdefault("connections", {})
        for is_last in (False, True):
            connection = connections.get(self.port) or socket.create_connection(("127.0.0.1", self.port), 120)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections[self.port] = connection
            try:
                connection.sendall(head.encode() + raw)
                return _received(connection)
            except ConnectionError:
                # Closed by the server while we did something else.
                connections.pop(self.port).close()
                if is_last:
                    raise
        raise AssertionError

    def asked(self, method: str, path: str, body: object = None, status: tuple[int, ...] = (200,)) -> Any:
        """Return the JSON of an answer whose status must be one of those; None of an empty one."""
        answer = self.call(method, path, body)
        if answer.status not in status:
            raise SystemExit(f"{self.name}: {method} {path}: {answer.status} {answer.body[:500]!r}")
        return answer.json() if answer.body else None


def _received(connection: socket.socket) -> Answer:
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(connection)
    head, body = data[:end].lower(), data[end + 4 :]
    status = int(head[9:12])
    if (at := head.find(b"\r\ncontent-length:")) >= 0:
        length = int(head[at + 17 :].split(b"\r\n", 1)[0])
        parts, have = [body], len(body)
        while have < length:
            parts.append(_more(connection))
            have += len(parts[-1])
        return Answer(status, b"".join(parts))
    if b"chunked" not in head:
        return Answer(status, body)
    while not body.endswith(b"0\r\n\r\n"):
        body += _more(connection)
    whole = b""
    while (size := int(body[: (line := body.index(b"\r\n"))], 16)) > 0:
        whole += body[line + 2 : line + 2 + size]
        body = body[line + 4 + size :]
    return Answer(status, whole)


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(262_144)
    if not data:
        raise ConnectionResetError
    return data


def measured(act: Callable[[int], object], concurrency: int, seconds: float, start: int = 0) -> Rate:
    """Return how often `act` is done; each call gets a number of its own, counted from `start`."""
    times: list[float] = []
    begun = time.perf_counter()

    def work(lane: int) -> None:
        number = start + lane
        while time.perf_counter() - begun < seconds:
            sent = time.perf_counter()
            act(number)
            times.append(time.perf_counter() - sent)
            number += concurrency

    with ThreadPoolExecutor(concurrency) as pool:
        for done in [pool.submit(work, lane) for lane in range(concurrency)]:
            done.result()
    took = time.perf_counter() - begun
    slow = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
    return Rate(len(times) / took, statistics.median(times) * 1000, slow * 1000)
