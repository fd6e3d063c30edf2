"""What a process loads when it starts, and that it does not look through all of it once more when it ends."""

import os
import subprocess
import sys

from config.environment import ROOT

# As Celery begins each of its processes.
CELERY = "app.loader.init_worker(); app.finalize()"


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


def loaded(*modules: str) -> str:
    """Give the statement that writes which of the modules are loaded."""
    return f"import sys; print([name for name in {modules} if name in sys.modules])"


def test_a_process_that_ends_looks_for_no_garbage_in_what_was_loaded():
    # What waits for the end is called in turn, the last one first.
    shown = run("import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0)); import config")
    assert shown == "True\n"


def test_the_clock_loads_neither_jobs_nor_models():
    clock = f"from tasks.clock import app; {CELERY}"
    assert run(f"{clock}; {loaded('django.db.models', 'identity.models', 'tasks.jobs')}") == "[]\n"


def test_a_worker_loads_no_pages_and_shares_with_its_processes_what_it_does_load():
    worker = f"from tasks.celery import app, worker_before_create_process; {CELERY}"
    forks = "worker_before_create_process.send(None); import gc; print(gc.get_freeze_count() > 50_000)"
    pages = loaded("config.urls", "console.urls", "rest_framework.serializers", "joserfc")
    assert run(f"{worker}; {pages}; {forks}") == "[]\nTrue\n"


def test_a_command_loads_no_pages():
    command = "from django.core.management import execute_from_command_line as execute; execute(['', 'rollcall', 'schema'])"
    pages = loaded("config.urls", "console.urls", "drf_spectacular.views")
    assert run(f"{command}; {pages}").splitlines()[-1] == "[]"


def test_what_the_web_processes_share_is_all_of_the_product_and_nothing_open():
    """A forked process could use neither the connections nor the threads of the one that it comes from."""
    load = "from config import granian_loaded; granian_loaded.load(); import sys; before = set(sys.modules)"
    web = "import config.wsgi; print(sorted(set(sys.modules) - before))"
    opened = (
        "from django.db import connections; print([each for each in connections.all() if each.connection])"
    )
    threads = "import threading; print(threading.active_count())"
    assert run(f"{load}; {opened}; {threads}; {web}") == "[]\n1\n['config.wsgi']\n"


def test_the_web_processes_are_forked_whatever_python_would_choose():
    """Python 3.14 would not; each process then holds everything for itself."""
    assert (
        run(
            "from config import granian_loaded as g; g.share(); import multiprocessing as m; print(m.get_start_method())"
        )
        == "fork\n"
    )
