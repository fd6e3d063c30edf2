"""Lists that people paste or upload: addresses, and CSV with a heading. Pure: text in, rows out."""

import csv
import io
import re
from dataclasses import dataclass
from typing import TypeVar

from identity.errors import Invalid, TooMany

Item = TypeVar("Item")
ROWS_MAX = 2000
TEXT_LENGTH_MAX = 1_000_000
_ADDRESSES = ("email", "e-mail", "mail")
_NAMING = ("user_name", "username", *_ADDRESSES)
_BETWEEN = re.compile(r"[\s,;]+")
# The name before an address, as mail programs copy it: `"Jones, Jane" <jane@x>`, `Jane <jane@x>`. A name begins behind what is in no name:
# looked for from each letter of it anew, a word of a million letters would keep the process for hours.
_NAMED = re.compile(r'(?:"[^"\r\n]*"[ \t]*|(?<![^<>,;@\r\n])[^<>,;@\r\n]*)<([^<>\r\n]+)>')


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a CSV: `number` as an editor shows it, `values` by the heading's names in lowercase."""

    number: int
    values: dict[str, str]


def words(text: str) -> list[str]:
    """Return what a pasted list names, each once: lines, commas, semicolons; "Jane <jane@x>" counts for its address. Raises TooMany."""
    _check_length(text)
    plain = _NAMED.sub(r" \1 ", text)
    found = [word for word in (part.strip('"') for part in _BETWEEN.split(plain)) if word]
    # A list copied out of a spreadsheet begins with the name of its column.
    if found and found[0].lower() in _NAMING:
        found = found[1:]
    return _limited(list(dict.fromkeys(found)))


def names(text: str) -> list[str]:
    """Return whom a list names: column user_name, else email, of a CSV with several columns, else all words. Raises Invalid, TooMany."""
    return _column(text, _NAMING)


def addresses(text: str) -> list[str]:
    """Return the addresses of a list: column email of a CSV with several columns, else all words. Raises Invalid, TooMany."""
    return _column(text, _ADDRESSES)


def _column(text: str, columns: tuple[str, ...]) -> list[str]:
    _check_length(text)
    plain = text.lstrip("\ufeff")
    try:
        heading = [
            cell.strip().lower()
            for cell in next(csv.reader(io.StringIO(plain), delimiter=_delimiter(plain)), [])
        ]
    except csv.Error:
        # Whatever this is, it has no columns.
        heading = []
    column = next((name for name in columns if name in heading), None)
    if column is None or len(heading) == 1:
        return words(text)
    found = [
        row.values[column] for row in rows(text, (column,), tuple(name for name in heading if name != column))
    ]
    return list(dict.fromkeys(name for name in found if name))


def rows(text: str, needed: tuple[str, ...], known: tuple[str, ...] = ()) -> list[Row]:
    """Return the rows of a CSV (RFC 4180; comma, semicolon or tab) whose heading has the `needed` columns and no others but `known`.

    Raises Invalid naming the column or line at fault, TooMany.
    """
    _check_length(text)
    plain = text.lstrip("\ufeff")
    reader = csv.reader(io.StringIO(plain), delimiter=_delimiter(plain))
    try:
        lines = [(reader.line_num, line) for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise Invalid(f"Line {reader.line_num} is not CSV: {error}.", field="csv") from error
    if not lines:
        raise Invalid("The list is empty.", field="csv")
    heading = [cell.strip().lower() for cell in lines[0][1]]
    missing = [name for name in needed if name not in heading]
    strange = [name for name in heading if name not in {*needed, *known}]
    if missing or strange or len(set(heading)) != len(heading):
        columns = ", ".join((*needed, *known))
        raise Invalid(f"The first line names the columns, each once: {columns}.", field="csv")
    for number, line in lines[1:]:
        if len(line) != len(heading):
            raise Invalid(
                f"Line {number} has {len(line)} cells, the heading has {len(heading)}.", field="csv"
            )
    made = [
        Row(number, {name: cell.strip() for name, cell in zip(heading, line, strict=True)})
        for number, line in lines[1:]
    ]
    return _limited(made)


def _delimiter(text: str) -> str:
    """Return what stands between the cells; what is copied out of a spreadsheet has tabs there."""
    return max(",", ";", "\t", key=text.partition("\n")[0].count)


def _limited(items: list[Item]) -> list[Item]:
    if len(items) > ROWS_MAX:
        raise TooMany(f"At most {ROWS_MAX} lines in one list; send several.", field="csv")
    return items


def _check_length(text: str) -> None:
    if len(text) > TEXT_LENGTH_MAX or "\0" in text:
        raise Invalid("The list is too long, or no text.", field="csv")
