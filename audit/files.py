"""Files that are handed out, CSV and JSON Lines: every line is an entry, and one that could not be finished says so at its end.

A connection that breaks off is told by the connection. What fails on our side is not: the server ends that answer like a whole one.
Why: docs/decisions/download-ends.md.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from audit.turning import without_turning

# A spreadsheet takes a cell that begins like this for a formula; some also where the sign is of full width, as in East Asian text.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
# Excel takes a CSV for the code page of its country unless it begins so; people get it, programs don't.
BYTE_ORDER_MARK: Final = "\ufeff"
BROKEN: Final = "#broken"
BROKEN_LINE: Final = "broken"
_SENTENCE: Final = "This file is not whole: what follows could not be read. Download it again."


@dataclass(frozen=True, slots=True)
class Whole:
    """What a whole file is known by: its entries (without the heading), and the SHA-256 in hex of all its bytes."""

    entries: int
    sha256: str


Finished = Callable[[Whole], None]


def csv_file(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    finished: Finished | None = None,
    marked: bool = False,
) -> Iterator[str]:
    """Write heading and rows (RFC 4180). No cell begins a formula; `marked` puts the byte order mark in front.

    `finished` is called before the last line is given. Where it, or reading, raises, a row that begins with `#broken` is the last.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)

    def line(cells: Sequence[str]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(cells)
        return buffer.getvalue()

    heading = (BYTE_ORDER_MARK if marked else "") + line(columns)
    broken = line([BROKEN, _SENTENCE, *[""] * (len(columns) - 2)])
    return _sent(heading, (line([harmless(cell) for cell in row]) for row in rows), broken, finished)


def jsonl_file(values: Iterable[Mapping[str, Any]], *, finished: Finished | None = None) -> Iterator[str]:
    """Write each value as one line of JSON; `finished` as in `csv_file`, and the last line of a broken one is `{"broken": "…"}`."""
    broken = _json({BROKEN_LINE: _SENTENCE})
    return _sent("", (_json(value) for value in values), broken, finished)


def harmless(cell: str) -> str:
    """Return the cell such that no spreadsheet runs it (an apostrophe stands before what begins like a formula), and it turns no other."""
    cell = without_turning(cell)
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _sent(heading: str, lines: Iterable[str], broken: str, finished: Finished | None) -> Iterator[str]:
    """Give the lines, each when the one after it is known to be there, so that nobody has a whole file before `finished` knows of it."""
    digest, entries, held = hashlib.sha256(heading.encode()), 0, heading
    try:
        for line in lines:
            digest.update(line.encode())
            entries += 1
            if held:
                yield held
            held = line
        if finished is not None:
            finished(Whole(entries, digest.hexdigest()))
    except Exception:
        # Whatever it is, it goes on; but nothing else would tell the reader.
        yield broken
        raise
    if held:
        yield held


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
