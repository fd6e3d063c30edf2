"""Checks a downloaded file (CSV or JSON Lines) without the server that wrote it, by its last line (audit.files)."""

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from audit.files import BYTE_ORDER_MARK, END, END_OF_LINES

PROBLEMS_MAX: Final = 50
# The largest cell is a list of changes; csv's own limit, 128 kB, is for what strangers write.
_LINE_BYTES_MAX: Final = 64 * 1024 * 1024
_BROKE_OFF: Final = "The last line that every file ends with is not there: the file broke off, or was cut."


@dataclass(slots=True)
class CheckedFile:
    """What was found: the last line, the number of entries and the digest before it, and a sentence for everything wrong."""

    said: dict[str, Any] = field(default_factory=dict)
    entries: int = 0
    sha256: str = ""
    problems: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Write down what is wrong."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(sentence)


def check(path: Path, *, sha256: str = "") -> CheckedFile:
    """Check the file; `sha256` is what its entry `….download_finish` in the record says, where that is at hand. Raises OSError."""
    found = CheckedFile()
    is_csv = path.suffix.lower() == ".csv"
    with path.open("rb") as file:
        lines = _Lines(file)
        try:
            numbers = list(_csv(lines) if is_csv else _jsonl(lines))
            found.said = _said(lines.last, is_csv=is_csv)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, csv.Error):
            found.note("The file cannot be read: it is not one that was downloaded here, or it was altered.")
            return found
    found.entries, found.sha256 = len(numbers), lines.digest.hexdigest()
    if not found.said:
        found.note(_BROKE_OFF)
        return found
    if found.said["entries"] != found.entries:
        found.note(f"There are {found.entries} entries, and the last line says {found.said['entries']}.")
    if found.said["sha256"] != found.sha256:
        found.note(
            f"The SHA-256 of what stands before the last line is {found.sha256}, and it says {found.said['sha256']}."
        )
    if sha256 and sha256.lower() != found.sha256:
        found.note(f"The file is not the one that is meant: its SHA-256 is {found.sha256}, not {sha256}.")
    _places(numbers, found)
    return found


class _Lines:
    """The lines of a file but the last, which is kept back: `digest` is over those before it."""

    def __init__(self, file: BufferedReader) -> None:
        self.file = file
        self.digest = hashlib.sha256()
        self.last = b""

    def __iter__(self) -> Iterator[str]:
        while line := self.file.readline(_LINE_BYTES_MAX):
            if self.last:
                self.digest.update(self.last)
                yield self.last.decode()
            self.last = line


def _jsonl(lines: _Lines) -> Iterator[int | None]:
    """Give the place (`seq`) of each entry, None in a file whose entries have none."""
    for line in lines:
        yield json.loads(line).get("seq")


def _csv(lines: _Lines) -> Iterator[int | None]:
    csv.field_size_limit(_LINE_BYTES_MAX)
    rows = csv.reader(lines, strict=True)
    heading = next(rows, [""])
    numbered = heading[0].removeprefix(BYTE_ORDER_MARK) == "seq"
    for row in rows:
        yield int(row[0]) if numbered else None


def _said(last: bytes, *, is_csv: bool) -> dict[str, Any]:
    """Return what the last line says; nothing where it is none."""
    if not last.endswith(b"\n"):
        return {}
    if is_csv:
        (cells,) = csv.reader([last.decode()])
        said = (
            {"entries": int(cells[1]), "sha256": cells[2], **json.loads(cells[3])} if cells[0] == END else {}
        )
    else:
        said = json.loads(last).get(END_OF_LINES) or {}
    if said:
        int(said["entries"]), bytes.fromhex(said["sha256"])
    return dict(said)


def _places(numbers: list[int | None], found: CheckedFile) -> None:
    """Look for gaps in a record; what filters left out is no gap."""
    whole = found.said.get("filters") == {} and "after" in found.said
    before = found.said.get("after", 0)
    for number in numbers:
        if number is None:
            return
        if number <= before:
            found.note(f"Entry {number} stands behind entry {before}.")
        elif whole and number != before + 1:
            found.note(f"Entries {before + 1} to {number - 1} are missing.")
        before = number
    if whole and before != max(found.said["upto"], found.said["after"]):
        found.note(f"The entries end at {before}, and the last line says at {found.said['upto']}.")
