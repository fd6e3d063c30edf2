"""One fake directory for all tests of a process, emptied for each; eight people and two groups live in it."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.connectors.fake_directory import fake_directory


@pytest.fixture(scope="session")
def running():
    with fake_directory() as fake:
        yield fake


@pytest.fixture(scope="session")
def signing_key():
    """Return a private key in PEM, and its public half."""
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), public.decode()


def somebody(number, status="active", **more):
    """Return a person as the fake directory keeps them."""
    return {
        "id": f"id-{number}", "login": f"person{number}@acme.example", "first": "Person", "last": f"Number{number}", "title": "Trader",
        "status": status, "changed": "2026-01-01T00:00:00.000Z",
    } | more  # fmt: skip


def team(name, *members, **more):
    """Return a group as the fake directory keeps it."""
    return {
        "id": f"g-{name}",
        "name": name,
        "members": [f"id-{number}" for number in members],
        "changed": "2026-01-01T00:00:00.000Z",
    } | more


@pytest.fixture
def fake(running, signing_key, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("127.0.0.1",)
    running.put(
        people=[somebody(number) for number in range(6)] + [somebody(6, "suspended"), somebody(7, "deleted")],
        groups=[team("traders", 0, 1, 2, 3), team("empty")],
        faults={}, asked=[], page_size=3, token="", public_key=signing_key[1], wanted={}, seq=1, clock_ahead=0,
    )  # fmt: skip
    return running
