"""Reading text that somebody exported from somewhere: which encoding, which delimiter, which row. No rule about people."""

import codecs
import csv
import hashlib
import io
import re
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


# Space, and the sign for the end of a file that older systems write as its last line.
_NOTHING: Final = " \t\r\n\xa0\x1a"
# What a workbook begins with: .xlsx is a zip archive, .xls a compound file.
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
# Excel's own first line, which names the delimiter.
_SEPARATOR_LINE: Final = re.compile(r'^"?sep=(?P<mark>[,;\t|])"?[\r\n]*$', re.IGNORECASE)


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
    # UTF-16 without a mark: a heading begins with a letter or a quotation mark, whose other byte is zero.
    for at, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if first[at : at + 1] == b"\0" and wanted in {"auto", "utf-16"}:
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
    """Give the rows below the heading; lines without anything in their cells are no rows. Raises Misconfigured, NotUnderstood."""
    lines = _lines(file, encoding, delimiter)
    columns = next(lines)[1]
    width = len(columns)
    for number, cells in lines:
        if not any(cell.strip(_NOTHING) for cell in cells):
            continue
        if len(cells) == width:
            yield Row(number, dict(zip(columns, cells, strict=True)))
        else:
            yield Row(number, None, cells)


def _lines(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Give (line, cells), the heading first."""
    file.seek(0)
    if file.read(4) in _WORKBOOKS:
        raise Misconfigured("This is an Excel workbook, and no CSV: save it as “CSV UTF-8”.")
    decided = encoding_of(file, encoding)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=decided, newline="")
    try:
        first = text.readline()
        told = _SEPARATOR_LINE.match(first)
        if not told:
            text.seek(0)
        mark = told["mark"] if told else delimiter_of(first, delimiter)
        reader = csv.reader(text, delimiter=mark, strict=True)
        columns = [cell.strip() for cell in next(reader, [])]
        if not any(columns):
            raise Misconfigured("The file is empty: its first line must name the columns.")
        skipped = 1 if told else 0
        yield reader.line_num + skipped, columns
        for cells in reader:
            yield reader.line_num + skipped, cells
    except UnicodeError as error:
        raise NotUnderstood(
            f"The file is not {decided} throughout: choose its encoding in the settings."
        ) from error
    except csv.Error as error:
        raise NotUnderstood(f"The file is no CSV: {error}.") from error
    finally:
        text.detach()
