"""What every test of SAML finds: a worker that is awake."""

import pytest


@pytest.fixture(autouse=True)
def awake(metadata_worker):
    """Have metadata loaded as soon as somebody asks."""
