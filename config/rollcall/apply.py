"""`manage.py rollcall apply FILE`: bring organizations to what the file says, all or nothing."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import OutputWrapper

from audit.record import Actor
from config.as_code import carry_out, document
from config.rollcall import plan

HELP = "Bring organizations to what the file says, all of it or nothing; saying it again changes nothing."


def add_arguments(parser: ArgumentParser) -> None:
    """Take the file."""
    plan.add_arguments(parser)


def run(out: OutputWrapper, actor: Actor, *, file: str, **_: Any) -> int:
    """Do it and tell what came of it."""
    changes = carry_out.run(document.read(Path(file)), actor=actor, keep=True)
    plan.tell(out, changes)
    out.write(f"{len(changes)} things changed." if changes else "Nothing had to change.")
    return 0
