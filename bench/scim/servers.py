"""Starts what is compared: the product as `manage.py up` runs it, the hello view, and the two peers in an environment of their own."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from client import Peer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TOKEN = secrets.token_urlsafe(32)
WORKERS, THREADS = 2, 4  # as config.settings has them
START_SECONDS = 500  # on a machine that is busy with everything else


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: list[str], port: int, log: Path, environment: dict[str, str] | None = None, cwd: Path = ROOT
) -> Iterator[None]:
    """Run a server until the block ends; the block begins when it accepts connections."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, cwd=cwd, env={**os.environ, **(environment or {})}, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                what = "does not listen" if process.poll() is None else "ended"
                raise SystemExit(f"{command[0]} {what}; its log is {log}:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def product(data: Path, *, is_logged: bool = False) -> Iterator[Peer]:
    """Run the product and give an organization's directory in it: no limit, no guard against bursts, mostly no log of requests.

    The three are settings of a directory; a bench would run into the first two, and the peers have nothing like the third.
    """
    port = free_port()
    command = [sys.executable, "manage.py", "up", "--empty", "--port", str(port), "--data", str(data)]
    environment = {"ROLLCALL_OPERATOR_TOKEN": TOKEN, "ROLLCALL_WEB_WORKERS": str(WORKERS)}
    with running(command, port, data / "bench.log", environment):
        token = directory_of(Peer("product", port, "/api/v1", TOKEN), is_logged=is_logged)
        yield Peer("Rollcall", port, "/scim/v2", token)


def directory_of(api: Peer, *, is_logged: bool = False) -> str:
    """Make an organization with a directory, without limit and guard, and return a token of it."""
    slug = f"bench-{int(time.time())}"
    wanted = {"name": "Bench", "slug": slug, "access_model": "company_shop"}
    api.asked("POST", "/organizations", wanted, (201,))
    path = f"/organizations/{slug}/directories"
    directory = api.asked("POST", path, {"kind": "scim", "name": "bench", "idp": "generic"}, (201,))["id"]
    off: dict[str, object] = {"rate_limit": None, "burst_guard": None}
    api.asked(
        "PATCH", f"{path}/{directory}", {"settings": off if is_logged else off | {"request_log_days": 0}}
    )
    return str(api.asked("POST", f"{path}/{directory}/tokens", {}, (201,))["token"])


@contextmanager
def hello(log: Path) -> Iterator[Peer]:
    """Run the hello view under the same granian with the same number of processes and threads."""
    port = free_port()
    command = granian(Path(sys.executable).parent, "hello:application", port, WORKERS)
    with running(command, port, log, cwd=HERE):
        yield Peer("hello", port, "")


def peers_environment(data: Path) -> Path:
    """Install the peers into a virtual environment of their own, from the locked list, and return where its programs are."""
    place = data / "peers"
    programs = place / "bin"
    if not (place / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)  # noqa: S603
        install = [programs / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        listed = ["--require-hashes", "-r", HERE / "peers" / "requirements.txt"]
        subprocess.run([*install, *listed], check=True)  # noqa: S603
        (place / "installed").touch()
    return programs


@contextmanager
def memory(programs: Path, log: Path) -> Iterator[Peer]:
    """Run scim2-server in memory: one process, since its people live in it."""
    port = free_port()
    command = granian(programs, "memory:application", port, 1)
    with running(command, port, log, {"PEER_TOKEN": TOKEN}, cwd=HERE / "peers"):
        yield Peer("scim2-server", port, "/v2", TOKEN)


@contextmanager
def durable(programs: Path, log: Path, superuser_url: str) -> Iterator[Peer]:
    """Run django-scim2 on a database of its own in the product's PostgreSQL."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS bench_django_scim2 WITH (FORCE)")
        connection.execute("CREATE DATABASE bench_django_scim2")
    environment = {
        "PEER_TOKEN": TOKEN,
        "PEER_DATABASE": superuser_url.rpartition("/")[0] + "/bench_django_scim2",
        "DJANGO_SETTINGS_MODULE": "durable",
        "PYTHONPATH": str(HERE / "peers"),
    }
    migrate = [str(programs / "python"), "-m", "django", "migrate", "-v", "0"]
    for command in (migrate, [*migrate, "--run-syncdb"]):  # its own tables refer to those of django.contrib
        with log.open("ab") as output:
            subprocess.run(  # noqa: S603
                command,
                cwd=HERE / "peers",
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
                check=True,
            )
    port = free_port()
    with running(
        granian(programs, "durable:application", port, WORKERS), port, log, environment, HERE / "peers"
    ):
        yield Peer("django-scim2", port, "/scim/v2", TOKEN)


def processor_seconds() -> float:
    """Return what all processes that we started, and those that they started, have taken of the processor so far."""
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
    ours, waiting = set[int](), [os.getpid()]
    while waiting:
        waiting = [pid for pid, parent in parents.items() if parent in waiting]
        ours |= {*waiting}
    taken = 0
    for pid in ours:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError):
                taken += int(task.read_text().split()[0])
    return taken / 1e9


def granian(programs: Path, application: str, port: int, workers: int) -> list[str]:
    """Return the command that serves an application as the product is served (config/start.py)."""
    return [
        str(programs / "granian"), "--interface=wsgi", "--host=127.0.0.1", f"--port={port}", f"--workers={workers}",
        f"--blocking-threads={THREADS}", "--blocking-threads-idle-timeout=600", "--no-ws", "--no-access-log",
        "--log-level=warning", application,
    ]  # fmt: skip
