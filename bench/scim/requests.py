"""Measures SCIM over HTTP against a server as `manage.py up` runs it: `python bench/scim/requests.py [people]`.

Granian with several processes, PostgreSQL with fsync, everything recorded; rate limit, burst guard and request log off, since they
are settings of a directory. Each answer is checked. The floor beside it is the bare liveness address on the same server
in the same run; the client's own share of the two cores is in every figure.
"""

import http.client
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local

ROOT = Path(__file__).parents[2]
TOKEN = secrets.token_urlsafe(32)
CONCURRENCY = (1, 16)
SECONDS = 4.0
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_kept = local()


class Server:
    """A server of its own, with an organization and a directory."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.token = TOKEN
        organization = self.call(
            "POST", "/api/v1/organizations", {"name": "B", "slug": "bench", "access_model": "company_shop"}
        )
        path = f"/api/v1/organizations/{organization['slug']}/directories"
        directory = self.call("POST", path, {"kind": "scim", "name": "bench", "idp": "generic"})
        off = {"rate_limit": None, "burst_guard": None, "request_log_days": 0}
        self.call("PATCH", f"{path}/{directory['id']}", {"settings": off})
        self.token = self.call("POST", f"{path}/{directory['id']}/tokens", {})["token"]

    def call(
        self, method: str, path: str, body: object = None, expect: tuple[int, ...] = (200, 201, 204)
    ) -> dict:
        """Send one request on this thread's connection and return the JSON of its answer, whose status must be expected."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        raw = None if body is None else json.dumps(body)
        try:
            response = self._sent(method, path, raw, headers)
        except (ConnectionError, http.client.RemoteDisconnected):
            _kept.connection = None  # closed by the server while we did something else
            response = self._sent(method, path, raw, headers)
        answer = response.read()
        if response.status not in expect:
            raise SystemExit(f"{method} {path}: {response.status} {answer[:500]!r}")
        return json.loads(answer) if answer[:1] in {b"{", b"["} else {}

    def _sent(
        self, method: str, path: str, raw: str | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        if getattr(_kept, "connection", None) is None:
            _kept.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        _kept.connection.request(method, path, raw, headers)
        return _kept.connection.getresponse()


def person(number: int) -> dict[str, object]:
    """Return a User as most clients send one."""
    return {
        "userName": f"p{number}@bench.example",
        "externalId": f"x{number}",
        "name": {"givenName": "P", "familyName": str(number)},
        "emails": [{"value": f"p{number}@bench.example", "type": "work", "primary": True}],
    }


def measure(act: Callable[[int], object], concurrency: int) -> tuple[float, float]:
    """Return requests a second and the median in milliseconds."""
    times: list[float] = []
    begun = time.perf_counter()

    def work(lane: int) -> None:
        number = lane
        while time.perf_counter() - begun < SECONDS:
            start = time.perf_counter()
            act(number)
            times.append(time.perf_counter() - start)
            number += concurrency

    with ThreadPoolExecutor(concurrency) as pool:
        for done in [pool.submit(work, lane) for lane in range(concurrency)]:
            done.result()
    return len(times) / (time.perf_counter() - begun), statistics.median(times) * 1000


def acts_of(server: Server, people: int) -> dict[str, Callable[[int], object]]:
    """Bring the people in and return what is measured, by name."""
    with ThreadPoolExecutor(8) as pool:
        ids = list(
            pool.map(
                lambda number: server.call("POST", "/scim/v2/Users", person(number))["id"], range(people)
            )
        )
    fresh = iter(range(10_000_000, 99_000_000))
    members = [{"value": each} for each in ids[:1000]]
    group = server.call("POST", "/scim/v2/Groups", {"displayName": "Thousand", "members": members})["id"]

    def patched(number: int) -> object:
        value = {"active": bool(number // len(ids) % 2)}
        body = {"schemas": [PATCH], "Operations": [{"op": "replace", "value": value}]}
        return server.call("PATCH", f"/scim/v2/Users/{ids[number % len(ids)]}", body)

    def filtered(number: int) -> object:
        found = server.call(
            "GET", f"/scim/v2/Users?filter=userName%20eq%20%22p{number % people}@bench.example%22"
        )
        if found["totalResults"] != 1:
            raise SystemExit(f"the filter found {found['totalResults']} people")
        return found

    return {
        "liveness (floor)": lambda _: server.call("GET", "/healthz"),
        "GET a person": lambda number: server.call("GET", f"/scim/v2/Users/{ids[number % people]}"),
        "filter by userName": filtered,
        "list of 100": lambda _: server.call("GET", "/scim/v2/Users?count=100"),
        "list of 100, deep": lambda _: server.call(
            "GET", f"/scim/v2/Users?count=100&startIndex={people - 200}"
        ),
        "GET a group of 1,000": lambda _: server.call("GET", f"/scim/v2/Groups/{group}"),
        "POST a person": lambda _: server.call("POST", "/scim/v2/Users", person(next(fresh)), (201,)),
        "PATCH active": patched,
    }


def main(people: int) -> None:
    """Start the server, measure, stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "manage.py", "up", "--empty", "--port", str(port), "--data", data]
        environment = {**os.environ, "ROLLCALL_OPERATOR_TOKEN": TOKEN}
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            for _ in range(120):
                time.sleep(1)
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
            server = Server(port)
            acts = acts_of(server, people)
            floors: dict[int, float] = {}
            print(f"{people} people, {os.cpu_count()} cores")
            for name, act in acts.items():
                cells = []
                for concurrency in CONCURRENCY:
                    rate, median = measure(act, concurrency)
                    floors.setdefault(concurrency, rate)
                    cells.append(f"{rate:7.0f}/s {median:6.1f} ms  floor ÷ {floors[concurrency] / rate:4.1f}")
                print(f"{name:22}", "   ".join(cells), flush=True)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
