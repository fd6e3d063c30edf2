"""`manage.py rollcall schema`: the JSON Schema of the file, as docs/organizations.schema.json has it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import OutputWrapper

from audit.record import Actor
from config.as_code import json_schema

HELP = "Print the JSON Schema of the files that export, plan and apply speak."


def add_arguments(_parser: ArgumentParser) -> None:
    """Take nothing."""


def run(out: OutputWrapper, _actor: Actor, **_: Any) -> int:
    """Print it."""
    out.write(json.dumps(json_schema.schema(), indent=2))
    return 0
