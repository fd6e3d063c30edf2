"""What a developer's machine gets without asking: development mode and the embedded servers.

A production environment names its database; when `DATABASE_URL` is missing, a command run through `manage.py`
works on the data directory (`ROLLCALL_DATA`, by default `var/`). Web and worker processes never come here:
started without their settings they stop, unless the supervisor handed them over.
"""

import os

from config import embedded
from config.environment import data_directory


def use(*, start_servers: bool) -> None:
    """Choose development mode and, if asked, have the embedded servers run while this process lives."""
    if os.environ.get("DATABASE_URL"):
        return
    os.environ.setdefault("ROLLCALL_DEBUG", "true")
    if os.environ["ROLLCALL_DEBUG"] == "true" and start_servers:
        embedded.ensure(data_directory())
