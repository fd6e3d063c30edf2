"""What a run makes once and every test uses again, because it is the same each time and making it takes long."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from whitenoise.middleware import WhiteNoiseMiddleware

from saml import keys

# More than any one test makes, so that within a test no two are the same.
KEYS = 16


@pytest.fixture(scope="session", autouse=True)
def private_keys() -> Iterator[None]:
    """Have `saml.keys` certify in turn the keys that it made first; each certificate is its own, as ever.

    To find two primes takes OpenSSL 60 ms, and a thousand connections are made.
    """
    new_private, turns = keys.new_private, count()

    @lru_cache(maxsize=KEYS)
    def kept(_place: int) -> rsa.RSAPrivateKey:
        return new_private()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "new_private", lambda: kept(next(turns) % KEYS))
        yield


@pytest.fixture(scope="session", autouse=True)
def static_files() -> Iterator[None]:
    """Have whitenoise look for the static files once, and not for each test's client."""
    look, found = WhiteNoiseMiddleware.add_files_from_finders, {}

    def known(self: Any) -> None:
        if not found:
            look(self)
            found.update(self.files)
        self.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", known)
        yield
