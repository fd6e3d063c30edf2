"""What one sign-in costs of the processor: our process, the programs it starts, and PostgreSQL behind it.

Other work on the machine multiplies seconds, not processor time. The application is called as WSGI calls it, without a server in between.
"""

import io
import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

Application = Callable[[dict[str, Any], Callable[..., Any]], Any]
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Milliseconds of the processor for each sign-in."""

    process: float
    programs: float
    backend: float

    @property
    def whole(self) -> float:
        """All three together."""
        return self.process + self.programs + self.backend

    def __str__(self) -> str:
        return f"{self.whole:.2f} ms = process {self.process:.2f}, programs {self.programs:.2f}, PostgreSQL {self.backend:.2f}"


def measure(
    application: Application, path: str, port: int, bodies: Sequence[str], expected: int, database: Any
) -> Cost:
    """Show each response once; `database` is Django's connection, whose backend's time is counted."""
    backend = _backend_of(database)
    before = (time.process_time(), _programs(), _backend_seconds(backend))
    for body in bodies:
        _post(application, path, port, body, expected)
    after = (time.process_time(), _programs(), _backend_seconds(backend))
    return Cost(*((late - early) / len(bodies) * 1000 for early, late in zip(before, after, strict=True)))


def _post(application: Application, path: str, port: int, body: str, expected: int) -> None:
    content = body.encode()
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": str(port),
        "HTTP_HOST": f"127.0.0.1:{port}", "REMOTE_ADDR": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
        "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(content)), "wsgi.input": io.BytesIO(content),
        "wsgi.errors": io.StringIO(),
    }  # fmt: skip
    told: list[str] = []
    answer = application(environ, lambda status, _headers, *_: told.append(status))
    text = b"".join(answer)
    answer.close()
    if not told[0].startswith(str(expected)):
        raise SystemExit(f"{path}: {told[0]} instead of {expected}: {text[:600]!r}")


def _programs() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _backend_of(database: Any) -> int:
    database.ensure_connection()
    raw: psycopg.Connection[Any] = database.connection
    return raw.info.backend_pid


def _backend_seconds(pid: int) -> float:
    # Fields 14 and 15 of proc(5)'s stat, after the name in brackets: hundredths of a second in user and in system mode.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
