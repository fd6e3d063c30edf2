"""Plays granian for one process: the environment it gives to WSGI, without sockets, and the processor time of what is behind."""

import cProfile
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from client import Answer, Peer


@dataclass
class Meter:
    """Seconds of the processor within the application so far; `profile` is switched on there where there is one."""

    spent: float = 0.0
    profile: cProfile.Profile | None = None


@dataclass(frozen=True)
class InProcess(Peer):
    """A server that is a WSGI application of this process."""

    application: Callable[[dict[str, Any], Callable[..., Any]], Any] = lambda *_: ()
    meter: Meter = field(default_factory=Meter)

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """Have the application answer."""
        raw = b"" if body is None else orjson.dumps(body)
        where, _, query = (self.base + path).partition("?")
        environ = {
            "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "REQUEST_METHOD": method,
            "SCRIPT_NAME": "", "PATH_INFO": where, "QUERY_STRING": query, "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:8000",
            "HTTP_AUTHORIZATION": f"Bearer {self.token}", "CONTENT_TYPE": "application/json", "HTTP_USER_AGENT": "bench",
            "CONTENT_LENGTH": str(len(raw)), "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(raw),
            "wsgi.errors": io.StringIO(), "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
        }  # fmt: skip
        told: list[str] = []
        meter = self.meter
        begun = time.process_time()
        if meter.profile:
            meter.profile.enable()
        answer: Any = self.application(environ, lambda status, _headers, *_: told.append(status))
        text = b"".join(_chunks(answer))
        if meter.profile:
            meter.profile.disable()
        meter.spent += time.process_time() - begun
        return Answer(int(told[0][:3]), text)


def _chunks(answer: Any) -> Iterable[bytes]:
    try:
        yield from answer
    finally:
        if hasattr(answer, "close"):
            answer.close()


def processor_seconds(pid: int) -> float:
    """Return how long a process has had a processor; schedstat counts in nanoseconds, where stat counts hundredths of a second."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel's
        return int(file.read().split()[0]) / 1e9
