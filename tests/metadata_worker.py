"""A worker for the tests that need one: what a person asks to be loaded from an address is loaded by somebody else."""

import threading

import pytest
from django.db import connections as databases


@pytest.fixture
def metadata_worker():
    """Have a worker, a thread instead of a process, run the job when it is woken."""
    from saml import fetches
    from tasks.jobs.connections import fetch_metadata
    from tasks.wake import wake_for_metadata

    threads = []

    def run():
        try:
            fetch_metadata()
        finally:
            databases.close_all()

    def wake():
        threads.append(threading.Thread(target=run))
        threads[-1].start()

    fetches.woken_by(wake)
    yield
    fetches.woken_by(wake_for_metadata)
    for thread in threads:
        thread.join()
