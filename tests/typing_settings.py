"""The settings that mypy reads: a developer's machine, with no server started."""

import os

os.environ.setdefault("ROLLCALL_DEBUG", "true")

from config.settings import *  # noqa: F403 - the names are what mypy looks up
