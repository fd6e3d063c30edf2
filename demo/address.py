"""Where the demonstration of a data directory keeps its addresses, and a port that stays the same over restarts."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from config.embedded.state import free_port, port_is_free

FILE = "demo.json"


def directory(data: Path) -> Path:
    """Return where the identity provider keeps its key and its port."""
    return data / "identity_provider"


def choose_port(data: Path, server: str) -> int:
    """Return the remembered port while it is free, else the one after the server's own, else any; and remember it."""
    remembered = remembered_port(data)
    wanted = (remembered, (urlsplit(server).port or 8000) + 1)
    port = next((port for port in wanted if port and port_is_free(port)), None) or free_port()
    if port != remembered:
        directory(data).mkdir(mode=0o700, parents=True, exist_ok=True)
        (directory(data) / "port").write_text(f"{port}\n")
    return port


def remembered_port(data: Path) -> int | None:
    """Return the port that was chosen, or None before the first time."""
    path = directory(data) / "port"
    return int(path.read_text()) if path.exists() else None


def greeting(data: Path) -> list[str]:
    """Return what `up` tells of the demonstration: where to sign in, and as whom; nothing where there is none."""
    path = data / FILE
    if not path.exists():
        return []
    known = json.loads(path.read_text())
    lines = [
        f"  {seeded['name']:<17} {seeded['login_url']}  (administrator: {seeded['administrator']})"
        for seeded in known["organizations"].values()
    ]
    return [
        f"Demonstration: sign in to one of two customers, or run `make demo`; SCIM tokens are in {path}",
        *lines,
        f"  People are at      {known['identity_provider']}/",
    ]


def base(port: int) -> str:
    """Return the identity provider's address as browsers use it."""
    return f"http://localhost:{port}"
