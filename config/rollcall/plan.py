"""`manage.py rollcall plan FILE`: what applying the file would change."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import OutputWrapper

from audit.record import Actor
from config.as_code import carry_out, document
from config.as_code.carry_out import Change
from config.rollcall import NOT_DONE

HELP = "Say what applying the file would change; exits 0 if nothing, 2 if something, 1 if it is refused."
_VALUE_CHARACTERS_MAX = 200


def add_arguments(parser: ArgumentParser) -> None:
    """Take the file."""
    parser.add_argument("file", help="a YAML file as `export` writes it")


def run(out: OutputWrapper, actor: Actor, *, file: str, **_: Any) -> int:
    """Do it, tell what came of it, and take it back."""
    changes = carry_out.run(document.read(Path(file)), actor=actor, keep=False)
    tell(out, changes)
    out.write(f"{len(changes)} things would change." if changes else "Nothing would change.")
    return NOT_DONE if changes else 0


def tell(out: OutputWrapper, changes: list[Change]) -> None:
    """Print the changes, a line for each field."""
    for change in changes:
        out.write(f"{'+' if change.act == 'create' else '~'} {change.where}")
        for name, (before, after) in change.changes.items():
            told = _short(after) if change.act == "create" else f"{_short(before)} → {_short(after)}"
            out.write(f"    {name}: {told}")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _VALUE_CHARACTERS_MAX else f"{text[:_VALUE_CHARACTERS_MAX]}…"
