"""Files that are handed out, CSV and JSON Lines: each ends with a line that says how much there is before it.

A connection that breaks off, a full disk or an editor leaves a file that looks like a shorter one; one without its last line is not whole.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

# A spreadsheet takes a cell that begins like this for a formula.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
# Excel takes a CSV for the code page of its country unless it begins so; people get it, programs don't.
BYTE_ORDER_MARK: Final = "\ufeff"
END: Final = "#end"
END_OF_LINES: Final = "end"


@dataclass(slots=True)
class Whole:
    """What a last line says: entries (without heading and itself), SHA-256 in hex of every byte before it, what was asked for."""

    entries: int = 0
    sha256: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)


Finished = Callable[[Whole], None]


def csv_file(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    about: Mapping[str, Any] | None = None,
    finished: Finished | None = None,
    marked: bool = False,
) -> Iterator[str]:
    """Write heading, rows and the last one (RFC 4180): `#end`, entries, SHA-256, `about` as JSON. No cell begins a formula.

    `finished` is called when all rows have been taken, and the last one is given after it: what it raises leaves the file without an end.
    `marked` puts the byte order mark in front. There are at least four columns.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)

    def line(cells: Sequence[str]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(cells)
        return buffer.getvalue()

    def end(whole: Whole) -> str:
        cells = [END, str(whole.entries), whole.sha256, _json(whole.about)]
        return line(cells + [""] * (len(columns) - len(cells)))

    heading = (BYTE_ORDER_MARK if marked else "") + line(columns)
    return _ended(heading, (line([harmless(cell) for cell in row]) for row in rows), end, about, finished)


def jsonl_file(
    values: Iterable[Mapping[str, Any]],
    *,
    about: Mapping[str, Any] | None = None,
    finished: Finished | None = None,
) -> Iterator[str]:
    """Write each value as one line of JSON, and the last line: `{"end": {"entries", "sha256", …about}}`; `finished` as in `csv_file`."""

    def end(whole: Whole) -> str:
        said = {"entries": whole.entries, "sha256": whole.sha256, **whole.about}
        return _json({END_OF_LINES: said}) + "\n"

    return _ended("", (_json(value) + "\n" for value in values), end, about, finished)


def harmless(cell: str) -> str:
    """Return the cell such that no spreadsheet runs it: with an apostrophe before what begins like a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _ended(
    heading: str,
    lines: Iterable[str],
    end: Callable[[Whole], str],
    about: Mapping[str, Any] | None,
    finished: Finished | None,
) -> Iterator[str]:
    digest, entries = hashlib.sha256(heading.encode()), 0
    if heading:
        yield heading
    for line in lines:
        digest.update(line.encode())
        entries += 1
        yield line
    whole = Whole(entries, digest.hexdigest(), about or {})
    if finished is not None:
        finished(whole)
    yield end(whole)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
