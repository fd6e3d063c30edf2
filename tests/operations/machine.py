"""Running `manage.py up` as a user does, and looking at what it started."""

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from config.environment import ROOT
from tests.ports import free_port
from tests.waiting import PATIENCE, eventually

OURS = ("ROLLCALL_", "DATABASE_", "REDIS_", "EMAIL_", "PROMETHEUS_", "DJANGO_")


def bare_environment(**values: str) -> dict[str, str]:
    """Give the environment without any setting of ours but the named ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "ROLLCALL_WEB_WORKERS": "1", **values}


def wait_for(what: Callable[[], object]) -> object:
    """Ask until the answer is true, or fail."""
    answer = eventually(what)
    assert answer, "waited in vain"
    return answer


def gone(processes: list[psutil.Process]) -> bool:
    """Tell whether all of them end; one that has ended and for which nobody has waited yet is gone."""
    return eventually(lambda: not any(map(_goes_on, processes)))


def _goes_on(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


class Machine:
    """One `manage.py up` on a data directory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.output = ""
        self.process: subprocess.Popen[str] | None = None

    def command(self, *more: str) -> list[str]:
        return [
            sys.executable, str(ROOT / "manage.py"), "up", f"--port={self.port}", f"--data={self.data}", "--empty", *more,
        ]  # fmt: skip

    def start(self, until: str = "Ctrl-C", *, alone: bool = False) -> None:
        """Start it, `alone` in a group of processes, and wait for a line that begins so; the last one that it writes by default."""
        self.process = subprocess.Popen(
            self.command(),
            env=bare_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0 if alone else None,
        )
        self.output = ""
        self.read(until)

    def read(self, until: str) -> None:
        """Go on to a line that begins so."""
        for line in self.process.stdout:
            self.output += line
            if line.startswith(until):
                return
        raise AssertionError(self.output)

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def ready(self) -> bool:
        return self.get("/readyz") == 200

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def find(self, word: str) -> psutil.Process | None:
        """Find the supervisor's own child whose command line has the word."""
        children = psutil.Process(self.process.pid).children()
        return next((child for child in children if word in " ".join(_command(child))), None)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        if self.process is not None and not self.process.stdout.closed:
            if self.process.poll() is None:
                self.process.send_signal(number)
            self.process.stdout.read()
            self.process.stdout.close()
            self.process.wait(PATIENCE)
