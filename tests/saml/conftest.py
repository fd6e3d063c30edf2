"""What every test of SAML finds: a worker that is awake; and a browser at a connection of acme's, for those that ask for one."""

import pytest

from tests.saml.door import Browser, connect, prove


@pytest.fixture(autouse=True)
def awake(metadata_worker):
    """Have metadata loaded as soon as somebody asks."""


@pytest.fixture
def connection(acme):
    """Give a connection of acme's, whose domain is proved."""
    prove(acme, "acme.example")
    return connect(acme)


@pytest.fixture
def browser(connection):
    """Give a browser at that connection."""
    return Browser(connection)
