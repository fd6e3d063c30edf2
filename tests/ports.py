"""Ports for the servers that tests start: given to nobody else, from now until this process ends."""

import secrets
import socket

# Below those that systems give to whoever asks for any: some seconds pass until the server that gets it listens.
_PORTS = range(20_000, 30_000)
_TRIES_MAX = 1000
_LOOPBACK = "127.0.0.1"
_held: list[socket.socket] = []


def free_port() -> int:
    """Return a loopback port on which nobody listens. Its twin of UDP is held, so that no other process of tests takes it."""
    for _ in range(_TRIES_MAX):
        port = secrets.choice(_PORTS)
        twin = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with socket.socket() as probe:
            try:
                twin.bind((_LOOPBACK, port))
                probe.bind((_LOOPBACK, port))
            except OSError:
                twin.close()
                continue
        _held.append(twin)
        return port
    raise OSError(f"in {_TRIES_MAX} tries no port was free")
