"""The measuring clients: kept connections, so many lanes at once, each answer checked."""

import http.client
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from demo.idp_messages import Answer, TestIdp, form_value, respond

IDP = TestIdp()
START_SECONDS = 90
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Act = Callable[[http.client.HTTPConnection, int], bool]


class ServiceProvider(Protocol):
    """Where a response is shown."""

    acs_url: str
    entity_id: str


@dataclass(frozen=True)
class Figure:
    """Answers a second, and the median time of one in milliseconds."""

    rate: float
    median_ms: float


def fields(provider: ServiceProvider, person: str) -> str:
    """Return the body of one sign-in: a response signed now, good for an hour."""
    email = f"{person}@bench.example"
    answer = Answer(
        provider.acs_url, provider.entity_id, name_id=email, attributes={"email": email},
        bearer_seconds=3600, valid_seconds=3600,
    )  # fmt: skip
    return urlencode({"SAMLResponse": form_value(respond(IDP, answer))})


def answers(path: str, bodies: Sequence[str] | None, *, expected: int) -> Act:
    """Return what asks `path` once: with a body each, until there are none left, or without any."""

    def act(connection: http.client.HTTPConnection, number: int) -> bool:
        if bodies is not None and number >= len(bodies):
            return False
        if bodies is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, bodies[number], _FORM)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != expected:
            raise SystemExit(f"{path}: {answer.status} instead of {expected}: {content[:600]!r}")
        return True

    return act


def measure(port: int, act: Act, concurrency: int, seconds: float) -> Figure:
    """Ask from so many clients at once for so long, or until there is nothing left to ask."""
    times: list[float] = []
    begun = time.perf_counter()

    def work(lane: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        number = lane
        while time.perf_counter() - begun < seconds:
            start = time.perf_counter()
            if not act(connection, number):
                break
            times.append(time.perf_counter() - start)
            number += concurrency
        connection.close()

    with ThreadPoolExecutor(concurrency) as pool:
        for done in [pool.submit(work, lane) for lane in range(concurrency)]:
            done.result()
    return Figure(len(times) / (time.perf_counter() - begun), statistics.median(times) * 1000)


def wait_for(process: "subprocess.Popen[bytes]", port: int, path: str) -> None:
    """Wait until the server answers 200; ends the bench where it does not start."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{process.args} ended with {process.returncode}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.3)
    raise SystemExit(f"nothing answered at port {port} within {START_SECONDS} seconds")
