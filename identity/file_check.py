"""Checks a downloaded file (CSV or JSON Lines) without the server that wrote it: its lines, their order, and its SHA-256."""

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from audit.files import BROKEN, BROKEN_LINE, BYTE_ORDER_MARK

PROBLEMS_MAX: Final = 50
# The largest cell is a list of changes; csv's own limit, 128 kB, is for what strangers write.
_LINE_BYTES_MAX: Final = 64 * 1024 * 1024


@dataclass(slots=True)
class CheckedFile:
    """What was found: entries, the SHA-256 of the file, and a sentence for everything wrong.

    `first`, `last`: the places (`seq`) that a record's file begins and ends with; `gaps`: how many places are left out between them.
    """

    entries: int = 0
    sha256: str = ""
    first: int | None = None
    last: int | None = None
    gaps: int = 0
    problems: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Write down what is wrong."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(sentence)


class _BrokenError(ValueError):
    """The file says itself that it is not whole."""


def check(path: Path, *, sha256: str = "") -> CheckedFile:
    """Check the file; `sha256` is what its entry `….download_finish` in the record says. Raises OSError."""
    found = CheckedFile()
    with path.open("rb") as file:
        found.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        with path.open(encoding="utf-8", newline="") as text:
            for place in _csv(text) if path.suffix.lower() == ".csv" else _jsonl(text):
                _take(found, place)
    except _BrokenError:
        found.note(
            "The file says that it is not whole: the server could not read all of it. Download it again."
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error):
        found.note(
            "The file cannot be read: it broke off, was altered, or is not one that was downloaded here."
        )
    if sha256 and sha256.lower() != found.sha256:
        found.note(f"The file is not the one that is meant: its SHA-256 is {found.sha256}, not {sha256}.")
    return found


def _take(found: CheckedFile, place: int | None) -> None:
    found.entries += 1
    if place is None:
        return
    if found.last is None:
        found.first = place
    elif place <= found.last:
        found.note(f"Entry {place} stands behind entry {found.last}.")
    else:
        found.gaps += place - found.last - 1
    found.last = place


def _jsonl(lines: Any) -> Iterator[int | None]:
    """Give the place (`seq`) of each entry, None in a file whose entries have none."""
    for line in lines:
        entry = json.loads(line)
        if BROKEN_LINE in entry:
            raise _BrokenError
        if not line.endswith("\n"):
            raise ValueError("cut off")
        yield entry.get("seq")


def _csv(lines: Any) -> Iterator[int | None]:
    csv.field_size_limit(_LINE_BYTES_MAX)
    rows = csv.reader(lines, strict=True)
    heading = next(rows, [])
    if not heading:
        raise ValueError("no heading")
    numbered = heading[0].removeprefix(BYTE_ORDER_MARK) == "seq"
    for row in rows:
        if row[:1] == [BROKEN]:
            raise _BrokenError
        if len(row) != len(heading):
            raise ValueError("cut off")
        yield int(row[0]) if numbered else None
