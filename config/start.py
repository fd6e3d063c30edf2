"""What web, worker and clock check before they start, and the programs that they then become."""

import os
import sys
import time
from pathlib import Path
from typing import Final, NoReturn

import psycopg
from django.conf import settings
from django.core.management.base import CommandError

from config import roles

WAIT_SECONDS: Final = 30.0


def check_role() -> None:
    """Refuse a database role that row-level security does not bind; wait a while for a database that is starting."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            roles.refuse_powerful(settings.DATABASE_URL)
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise CommandError(f"DATABASE_URL: the database does not answer: {error}") from error
            time.sleep(0.5)
        except roles.RoleError as error:
            raise CommandError(str(error)) from error
        else:
            return


def become(*arguments: str) -> NoReturn:
    """Turn this process into another program of the virtual environment."""
    program = str(Path(sys.executable).with_name(arguments[0]))
    os.execv(program, [program, *arguments[1:]])  # noqa: S606 - our own programs
