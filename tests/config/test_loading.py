"""What a process loads when it starts, and that it does not look through all of it once more when it ends."""

import subprocess
import sys

from config.environment import ROOT


def run(program: str) -> str:
    """Run a program of its own and return what it writes."""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_a_process_that_ends_looks_for_no_garbage_in_what_was_loaded():
    # What waits for the end is called in turn, the last one first.
    shown = run("import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0)); import config")
    assert shown == "True\n"
