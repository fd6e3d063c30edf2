"""Lines that the next one replaces, as how far something is."""

from typing import Final

from django.core.management.base import OutputWrapper

_WIDTH: Final = 79


def tell(out: OutputWrapper, line: str) -> None:
    """Write the line in the place of the last one, to a terminal alone: a log or the letter of a cron job would keep every one of them."""
    if out.isatty():
        out.write(line.ljust(_WIDTH), ending="\r")
        out.flush()
