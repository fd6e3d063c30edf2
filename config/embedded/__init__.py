"""PostgreSQL and Valkey from wheels, for `manage.py` and the tests, when no servers are named.

Every process that uses them holds a shared lock on the data directory until it ends; the last one to leave
stops the servers. So two commands can share them and none is left running for nobody.
"""

import atexit
import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

import psycopg

from config import roles
from config.embedded import postgres, valkey
from config.embedded.state import (
    EmbeddedError,
    Ports,
    Secrets,
    free_port,
    keep_port,
    load_ports,
    load_secrets,
    save_ports,
)

__all__ = ["EmbeddedError", "Servers", "ensure", "ensure_running", "release", "running", "stop", "urls"]

ANSWER_SECONDS: Final = 20.0  # on a machine that is busy with everything else

_in_use: dict[Path, IO[bytes]] = {}


@dataclass(frozen=True, slots=True)
class Servers:
    """The addresses of the two servers of a data directory."""

    database_url: str  # the application's role: what web and workers use
    owner_url: str  # owns the tables, for migrations
    superuser_url: str  # set-up and tests only
    redis_url: str


def ensure(data_dir: Path | str, *, durable: bool = True, tied: bool = False) -> Servers:
    """Have both servers run for as long as this process lives, and give their addresses.

    Idempotent and safe against other processes doing the same. `durable=False` trades safety against power
    loss for speed (tests); servers started `tied` also end when this process is killed.
    The servers stop when the last process that asked for them has ended.
    Raises EmbeddedError, naming the log.
    """
    directory = Path(data_dir).resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if directory not in _in_use:
            _in_use[directory] = users = (directory / "users.lock").open("ab")
            fcntl.flock(users, fcntl.LOCK_SH)
            atexit.register(release, directory, os.getpid())
        return ensure_running(directory, durable=durable, tied=tied)
    except (OSError, psycopg.OperationalError) as error:  # a full disk, as a rule
        reason = " ".join(str(error).split())
        raise EmbeddedError(f"PostgreSQL and Valkey cannot be made ready in {directory}: {reason}") from error


def ensure_running(directory: Path, *, durable: bool = True, tied: bool = False) -> Servers:
    """Start whichever of the two servers is down, on the port it had before if that is still free."""
    with _start_lock(directory):
        secrets = load_secrets(directory)
        known = load_ports(directory)
        ports = known or Ports(free_port(), free_port())
        if not _serves(postgres, directory, ports.postgres, secrets):
            postgres.stop(directory)
            postgres.prepare(directory, secrets)  # before its port is looked at: that takes a second
            ports = Ports(keep_port(ports.postgres), ports.valkey)
            postgres.start(directory, ports.postgres, secrets, durable=durable, tied=tied)
        if not _serves(valkey, directory, ports.valkey, secrets):
            valkey.stop(directory)
            ports = Ports(ports.postgres, keep_port(ports.valkey))
            valkey.start(directory, ports.valkey, secrets, tied=tied)
        if ports != known:
            save_ports(directory, ports)
        servers = urls(directory)
        if not (directory / "roles.done").exists():
            roles.create_embedded(
                servers.superuser_url, servers.owner_url, servers.database_url, tests=not durable
            )
            (directory / "roles.done").touch()
        return servers


def running(data_dir: Path) -> bool:
    """Tell whether the processes of both servers live (not whether they answer)."""
    return postgres.is_running(data_dir) and valkey.is_running(data_dir)


def urls(data_dir: Path | str) -> Servers:
    """Give the addresses without starting anything (port 0, which refuses, before the first start)."""
    directory = Path(data_dir).resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        secrets = load_secrets(directory)
    except OSError as error:
        raise EmbeddedError(
            f"{directory} is no directory that data can be kept in: {error.strerror}."
        ) from None
    ports = load_ports(directory) or Ports(0, 0)
    at = f"127.0.0.1:{ports.postgres}/{roles.DATABASE}"
    return Servers(
        database_url=f"postgresql://{roles.APPLICATION}:{secrets.app_password}@{at}",
        owner_url=f"postgresql://{roles.OWNER}:{secrets.owner_password}@{at}",
        superuser_url=postgres.superuser_url(ports.postgres, secrets),
        redis_url=valkey.url(ports.valkey, secrets),
    )


def release(data_dir: Path | str, pid: int | None = None) -> None:
    """Say that this process is done with the servers; they stop when it was the last."""
    directory = Path(data_dir).resolve()
    if pid is not None and pid != os.getpid():
        return  # a forked child's exit is not ours
    users = _in_use.pop(directory, None)
    if users is None:
        return
    with users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        stop(directory)


def stop(data_dir: Path | str) -> None:
    """Stop both servers, whoever uses them."""
    directory = Path(data_dir).resolve()
    if not directory.exists():
        return
    with _start_lock(directory):
        postgres.stop(directory)
        valkey.stop(directory)


class _Server(Protocol):
    def is_running(self, data_dir: Path) -> bool: ...
    def answers(self, port: int, secrets: Secrets) -> bool: ...


def _serves(server: _Server, directory: Path, port: int, secrets: Secrets) -> bool:
    """Tell whether the server runs and answers; to stop one that is only slow would end everybody's connections to it."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while server.is_running(directory):
        if server.answers(port, secrets):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return False


@contextlib.contextmanager
def _start_lock(directory: Path) -> Iterator[None]:
    with (directory / "start.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
