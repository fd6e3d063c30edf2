"""Keep a set of processes and the embedded servers running until told to stop, and leave none behind."""

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import psutil

from config.children import Child
from config.embedded.state import EmbeddedError, write_private

TICK_SECONDS: Final = 0.25
STOP_SECONDS: Final = 8.0
LEFT_SECONDS: Final = 5.0


class AlreadyRunningError(RuntimeError):
    """Another supervisor works on the data directory."""


@contextlib.contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Be the one supervisor of a data directory; the kernel gives the lock back however we end.

    Raises AlreadyRunningError, or EmbeddedError where nothing can be kept there.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        known = (data_dir / "up.lock").open("a+")
    except OSError as error:  # mounted to be read, somebody else's, without inodes
        message = f"{data_dir} is no directory that data can be kept in: {error.strerror}."
        raise EmbeddedError(message) from None
    with known as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            message = f"Rollcall already runs on {data_dir} (process {lock.read().strip() or 'unknown'})."
            raise AlreadyRunningError(message) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        _end_leftovers(data_dir / "up.json")
        yield


class Supervisor:
    """Starts the children in order, tends them, and stops them all; `mend` looks after what else they need, with every tick."""

    mend: Callable[[], None] | None = None

    def __init__(
        self,
        data_dir: Path,
        children: Sequence[Child],
        tell: Callable[[str], None],
    ) -> None:
        self.children = children
        self._known = data_dir / "up.json"
        self.tell = tell
        self._remembered: dict[int, float] = {}
        self.stopping = False

    def listen(self) -> None:
        """Take Ctrl-C, SIGTERM and a closed terminal as the wish to stop."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)

    def run(self) -> None:
        """Tend the children until asked to stop."""
        while not self.stopping:
            self.tick()
            time.sleep(TICK_SECONDS)

    def tick(self) -> None:
        """Start again whoever died, and remember who runs for a start after our own violent end."""
        if self.mend is not None:
            self.mend()
        for child in self.children:
            if news := child.tend():
                self.tell(news)
        running = {}
        for child in self.children:
            if child.process is not None and (born := _born(child.process.pid)) is not None:
                running[child.process.pid] = born
        if running != self._remembered:
            with contextlib.suppress(OSError):  # a full disk stops nobody; the next tick tries again
                write_private(self._known, json.dumps(running))
                self._remembered = running

    def renew(self) -> None:
        """End all children at once, to be started again: a clock that looks for its broker would not heed a polite word."""
        for child in self.children:
            child.kill()

    def stop(self) -> None:
        """End all children: politely, and after a few seconds not."""
        for child in self.children:
            child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(
            child.process is not None and child.process.poll() is None for child in self.children
        ):
            time.sleep(0.05)
        for child in self.children:
            child.kill()
        self._known.unlink(missing_ok=True)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True


def _born(pid: int) -> float | None:
    try:
        born: float = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None
    return born


def _end_leftovers(known: Path) -> None:
    """End what a killed supervisor left behind; a process number that was given to another one is left alone.

    A group outlives its first process: nobody else gets that number as long as any of it runs.
    """
    if not known.exists():
        return
    left: list[psutil.Process] = []
    with contextlib.suppress(ValueError):
        for number, born in json.loads(known.read_text()).items():
            if _born(int(number)) in (None, born):
                left += _group(int(number))
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.kill()
    # They hold the port until they are gone.
    psutil.wait_procs(left, timeout=LEFT_SECONDS)
    known.unlink(missing_ok=True)


def _group(number: int) -> list[psutil.Process]:
    """Return the processes of a child's group, which is a session of its own."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == os.getsid(process.pid) == number:
                found.append(process)
    return found
