"""Reading text that somebody exported from somewhere: which encoding, which delimiter, which row. No rule about people."""

import codecs
import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from tasks.connectors.faults import Misconfigured, NotUnderstood

ENCODINGS: Final = ("auto", "utf-8", "utf-16", "cp1252", "iso-8859-15")
DELIMITERS: Final = {"auto": "", "comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_CHUNK_BYTES: Final = 1_048_576
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row by the heading's names; `number` is the line on which it ends. `cells` None: it has another number of them, the `misfits`."""

    number: int
    cells: dict[str, str] | None
    misfits: Sequence[str] = ()


def digest_of(file: BinaryIO) -> str:
    """Return the SHA-256 of the file, in hexadecimal."""
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def encoding_of(file: BinaryIO, wanted: str) -> str:
    """Return the encoding: the wanted one; else what the byte order mark says, UTF-8 if all of it is, or Windows-1252."""
    file.seek(0)
    first = file.read(4)
    for mark, encoding in _BOMS:
        if first.startswith(mark):
            return encoding
    if wanted != "auto":
        return wanted
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while chunk := file.read(_CHUNK_BYTES):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def delimiter_of(heading: str, wanted: str) -> str:
    """Return the delimiter: the wanted one, else the one of the usual four that is most frequent in the heading."""
    if DELIMITERS[wanted]:
        return DELIMITERS[wanted]
    return max((mark for mark in DELIMITERS.values() if mark), key=heading.count)


def heading(file: BinaryIO, *, encoding: str, delimiter: str) -> list[str]:
    """Return the names of the columns. Raises Misconfigured, NotUnderstood."""
    return next(_lines(file, encoding, delimiter))[1]


def rows(file: BinaryIO, *, encoding: str, delimiter: str) -> Iterator[Row]:
    """Give the rows below the heading; empty lines are no rows. Raises Misconfigured, NotUnderstood."""
    lines = _lines(file, encoding, delimiter)
    columns = next(lines)[1]
    width = len(columns)
    for number, cells in lines:
        if len(cells) == width:
            yield Row(number, dict(zip(columns, cells, strict=True)))
        elif any(cells):
            yield Row(number, None, cells)


def _lines(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Give (line, cells), the heading first."""
    decided = encoding_of(file, encoding)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=decided, newline="")
    try:
        first = text.readline()
        text.seek(0)
        reader = csv.reader(text, delimiter=delimiter_of(first, delimiter), strict=True)
        columns = [cell.strip() for cell in next(reader, [])]
        if not any(columns):
            raise Misconfigured("The file is empty: its first line must name the columns.")
        if len(set(columns)) != len(columns):
            raise Misconfigured("Two columns of the file have the same name: each needs its own.")
        yield reader.line_num, columns
        for cells in reader:
            yield reader.line_num, cells
    except UnicodeError as error:
        raise NotUnderstood(
            f"The file is not {decided} throughout: choose its encoding in the settings."
        ) from error
    except csv.Error as error:
        raise NotUnderstood(f"The file is no CSV: {error}.") from error
    finally:
        text.detach()
