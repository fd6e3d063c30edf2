"""Waiting for what must happen: as long as a busy machine may need for it, and no longer than pytest lets a test run."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

# Only a test that fails waits this long; pyproject.toml lets a test run six times as long.
PATIENCE = 100.0
_PAUSE_SECONDS = 0.02
# For what another thread of ours is about to do: asking without a pause takes the processor from it.
_MOMENT_SECONDS = 0.001


def eventually(condition: Callable[[], Any]) -> Any:
    """Ask until the answer is true and return it; the last one if it never is."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := condition()) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return answer


def once(condition: Callable[[], Any], *at_work: "Future[Any]") -> None:
    """Return as soon as the condition holds, which somebody at work brings about; fail if one of them ends before."""
    while not condition():
        assert [each.result() for each in at_work if each.done()] == []
        time.sleep(_MOMENT_SECONDS)
