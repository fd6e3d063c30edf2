"""What a process loads when it starts, and that it does not look through all of it once more when it ends."""

import os
import subprocess
import sys

import pytest

from config.environment import ROOT


def run(program: str) -> str:
    """Run a program of its own and return what it writes."""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_a_process_that_ends_looks_for_no_garbage_in_what_was_loaded():
    # What waits for the end is called in turn, the last one first.
    shown = run("import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0)); import config")
    assert shown == "True\n"


# As Celery begins each of its processes.
CELERY = "app.loader.init_worker(); app.finalize()"


@pytest.mark.parametrize(
    ("start", "unneeded"),
    [
        (f"from tasks.clock import app; {CELERY}", ["django.db.models", "identity.models", "tasks.jobs"]),
        (f"from tasks.celery import app; {CELERY}", ["config.urls", "console.urls", "drf_spectacular.views"]),
    ],
    ids=["the clock", "a worker"],
)
def test_a_process_loads_nothing_that_it_never_uses(start, unneeded):
    assert run(f"import sys; {start}; print([name for name in {unneeded} if name in sys.modules])") == "[]\n"
