"""One process under the supervisor: started in a group of its own, restarted with growing pauses, taken down whole."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
SETTLED_SECONDS: Final = 30.0  # who ran this long begins again with the first pause
LOG_BYTES: Final = 10 * 1024 * 1024
_PR_SET_PDEATHSIG: Final = 1


@dataclass(slots=True)
class Child:
    """A program that must run. `log` gets everything it writes."""

    name: str
    command: list[str]
    log: Path
    environment: Mapping[str, str]
    working_directory: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause: float = FIRST_PAUSE
    due_at: float = field(default=0.0)

    def start(self) -> None:
        """Start the program. It gets a SIGTERM when the supervisor dies without having stopped it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        with open(self.log, "ab", opener=for_us_alone) as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own programs
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(self.environment),
                cwd=self.working_directory,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call, one thread
            )
        self.started_at = time.monotonic()

    def tend(self) -> str | None:
        """Start again what has died, when its pause is over. Gives a sentence when there is news."""
        now = time.monotonic()
        if self.process is None:
            return self._start_if_possible(now) if now >= self.due_at else None
        code = self.process.poll()
        if code is None:
            return None
        self.kill()  # what the dead one left in its group
        if now - self.started_at > SETTLED_SECONDS:
            self.pause = FIRST_PAUSE
        self.process = None
        return f"{self.name} ended with {_how(code)}; starting it again in {self._wait(now):g} s. Its log: {self.log}"

    def terminate(self) -> None:
        """Ask the program to finish what it is doing and end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def kill(self) -> None:
        """End the program and all that it started, at once."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _start_if_possible(self, now: float) -> str | None:
        """Start the program, or put it off where the machine has no room, memory or open files left for it."""
        try:
            self.start()
        except (OSError, subprocess.SubprocessError) as error:
            return f"{self.name} could not be started: {error}. Trying again in {self._wait(now):g} s."
        return None

    def _wait(self, now: float) -> float:
        """Put the next start off, each time for longer, and return for how many seconds."""
        pause = self.pause
        self.due_at = now + pause
        self.pause = min(pause * 2, LONGEST_PAUSE)
        return pause


def for_us_alone(path: str, flags: int) -> int:
    """Open a log, which says who did what and when, so that nobody else of this machine reads it, also one that was there before."""
    descriptor = os.open(path, flags, 0o600)
    with contextlib.suppress(OSError):  # somebody else's file, which we may write to
        os.fchmod(descriptor, 0o600)
    return descriptor


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Give the function that has the kernel send a signal to the forked child when its parent dies (Linux alone)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)  # before the fork
    parent = os.getpid()

    def arrange() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return arrange


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
