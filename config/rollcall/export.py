"""`manage.py rollcall export`: organizations as a file that `plan` and `apply` read."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import OutputWrapper

from audit.record import Actor
from config.as_code import document, present
from identity import directories, organizations, tenancy
from identity.models import Organization

HELP = (
    "Write organizations, with directories, connections, kinds, roles and mappings, as YAML; without secrets."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Take the file, and which organizations."""
    parser.add_argument("file", help="where to write; - for standard output")
    parser.add_argument(
        "--organization", action="append", default=[], help="slug or id; all of them if left out"
    )


def run(out: OutputWrapper, _actor: Actor, *, file: str, organization: list[str], **_: Any) -> int:
    """Write the file."""
    with tenancy.everywhere("an operator exports organizations"):
        found = (
            [organizations.by_slug_or_id(name) for name in organization]
            if organization
            else list(Organization.objects.order_by("slug"))
        )
    made = present.document(found)
    text = document.write(made)
    if file == "-":
        sys.stdout.write(text)
    else:
        Path(file).write_text(text, "utf-8")
        out.write(f"{len(found)} organizations are in {file}.")
        for where in _without_references(made):
            out.write(f"{where}: no file brought its credentials; add references to apply this elsewhere.")
    return 0


def _without_references(made: dict[str, Any]) -> list[str]:
    """Return the directories that we read whose credentials the file cannot tell."""
    return [
        f"{one['slug']}/directories/{row['name']}"
        for one in made["organizations"]
        for row in one["directories"]
        if row["kind"] not in directories.KINDS and "credentials" not in row
    ]
