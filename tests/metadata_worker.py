"""A worker for the tests that need one: what a person asks to be loaded from an address is loaded by somebody else, and at once."""

import threading

import pytest
from django.db import connections as databases


@pytest.fixture
def metadata_worker():
    """Have a worker, a thread instead of a process, run the job when it is woken: whoever asked finds the answer at their first look."""
    from saml import fetches
    from tasks.jobs.connections import fetch_metadata
    from tasks.wake import wake_for_metadata

    def run():
        try:
            fetch_metadata()
        finally:
            databases.close_all()

    def wake():
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    fetches.woken_by(wake)
    yield
    fetches.woken_by(wake_for_metadata)
