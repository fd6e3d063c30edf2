"""Lists of people that a subcommand is given as a file."""

import sys
from pathlib import Path

from identity import csv_import
from identity.errors import Invalid


def names(file: str) -> list[str]:
    """Return whom the file names, `-` being standard input. Raises Invalid, TooMany."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} cannot be read as UTF-8: {error}", field="file") from error
    return csv_import.names(text)
