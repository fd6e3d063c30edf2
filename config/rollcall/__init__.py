"""The subcommands of `manage.py rollcall`, a module each."""

from typing import Final

# There is something to do, and it has not been done.
NOT_DONE: Final = 2
