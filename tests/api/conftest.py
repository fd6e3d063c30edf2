"""What the tests share that send whatever the API's description allows, and what it doesn't."""

from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy

import pytest
import requests


@pytest.fixture
def one_connection() -> Iterator[requests.Session]:
    """Give a client that keeps its connection, and nothing else, from request to request.

    For each connection the server has a thread of its own, and each thread its connection to PostgreSQL: 25 ms of the processor.
    """
    with requests.Session() as client:
        client.trust_env = False
        client.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield client


@pytest.fixture(scope="session")
def made_up():
    """Give what makes requests up: to load it takes longer than to collect all tests, and one process of them needs it."""
    from tests.api import made_up

    return made_up
