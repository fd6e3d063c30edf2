"""What the tour prints, and how it ends when something is not as it should be."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_VALUE_CHARACTERS_MAX = 2000
# The ends of our ids differ; their beginnings are the time.
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{6}([0-9a-f]{6})")


class Broken(Exception):
    """Something came back that should not have."""

    def __init__(self, what: str, expected: object, actual: object) -> None:
        super().__init__(f"{what}: expected {_text(expected)}, got {_text(actual)}")
        self.what = what
        self.expected = expected
        self.actual = actual


class Screen:
    """Prints chapters and steps; in colours on a terminal, plainly elsewhere (and where NO_COLOR asks for it)."""

    def __init__(self, output: TextIO = sys.stdout) -> None:
        self._output = output
        self._colours = output.isatty() and "NO_COLOR" not in os.environ
        self._width = max(60, shutil.get_terminal_size((110, 24)).columns)
        self._calls: list[str] = []
        self.steps = 0

    def chapter(self, number: int, title: str) -> None:
        """Begin a chapter."""
        self._print(f"\n{number}. {title}", "1")

    @contextmanager
    def step(self, sentence: str) -> Iterator[None]:
        """Play one step: its sentence, then what came back. A Broken within is shown with everything that was heard."""
        self._calls = []
        try:
            yield
        except Broken as broken:
            self._print(f"  ✗ {sentence}", "31")
            self._print_calls()
            self._print(f"      {broken.what}", "31")
            self._print(f"      expected  {_text(broken.expected)}")
            self._print(f"      actual    {_text(broken.actual)}")
            raise
        self._print(f"  ✓ {sentence}", "32")
        self._print_calls()
        self.steps += 1

    def heard(self, line: str) -> None:
        """Note what came back, to be shown with the step; ids are shown by their last characters."""
        self._calls.append(_ID.sub(r"‹\1›", line))

    def say(self, text: str, colour: str = "") -> None:
        """Print a line outside the steps."""
        self._print(text, colour)

    def _print_calls(self) -> None:
        for call in self._calls:
            room = self._width - 6
            self._print(f"      {call if len(call) <= room else call[: room - 1] + '…'}", "2")

    def _print(self, text: str, colour: str = "") -> None:
        shown = f"\x1b[{colour}m{text}\x1b[0m" if self._colours and colour else text
        print(shown, file=self._output, flush=True)


def same(what: str, actual: object, expected: object) -> None:
    """Raise Broken unless both are equal."""
    if actual != expected:
        raise Broken(what, expected, actual)


def holds(what: str, truth: object, actual: object) -> None:
    """Raise Broken, showing `actual`, unless `truth` holds; `what` says what should be."""
    if not truth:
        raise Broken(what, "this to hold", actual)


def _text(value: object) -> str:
    text: Any = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _VALUE_CHARACTERS_MAX else text[:_VALUE_CHARACTERS_MAX] + "…"
