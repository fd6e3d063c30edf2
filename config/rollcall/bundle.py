"""`manage.py rollcall bundle ORGANIZATION --out FILE`: write the bundle of an organization to a disk."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import OutputWrapper
from django.utils import timezone

from audit.json_text import instant
from audit.record import Actor
from config.rollcall import named, passing
from identity import bundle_archive, bundle_snapshot, bundles
from identity.bundle_archive import Sink, Written
from identity.errors import Invalid
from identity.models import Organization

HELP = "Write everything of an organization, with its whole record, into one archive that `verify` checks."


def add_arguments(parser: ArgumentParser) -> None:
    """Take the organization and the file."""
    parser.add_argument("organization", help="slug or id")
    parser.add_argument(
        "--out", dest="target", required=True, help="the file to write; it must not be there yet"
    )


def run(out: OutputWrapper, actor: Actor, *, organization: str, **options: Any) -> int:
    """Write the archive beside its name, and give it its name when it is whole."""
    found = named.organization(organization)
    target = Path(options["target"])
    partial = target.with_name(f"{target.name}.partial")
    if target.exists():
        raise Invalid(f"{target} is there already: name another file.", field="out")
    try:
        with open(partial, "xb", opener=_for_us_alone) as file:
            try:
                written = _write(out, found, actor, file)
                partial.rename(target)
            finally:
                partial.unlink(missing_ok=True)
    except FileExistsError as error:
        message = f"{partial} is there already: another one writes it, or was killed and left it."
        raise Invalid(message, field="out") from error
    except OSError as error:
        raise Invalid(f"{target} cannot be written: {error}", field="out") from error
    out.write(f"{target}: {written.rows} rows, {written.size} bytes, the record up to {written.place.seq}.")
    out.write(f"SHA-256 {written.sha256}")
    return 0


def _write(out: OutputWrapper, organization: Organization, actor: Actor, file: BinaryIO) -> Written:
    now = timezone.now()

    def tell(path: str, rows: int) -> None:
        passing.tell(out, f"{rows} rows, now {path}")

    def take(piece: bytes) -> None:
        file.write(piece)

    with bundle_snapshot.take(organization.pk) as snapshot:
        asked = {"by": bundles.named(actor), "at": instant(now)}
        written = bundle_archive.write(organization, snapshot, Sink(take), asked=asked, at=now, tell=tell)
    file.flush()
    os.fsync(file.fileno())
    bundles.written_elsewhere(organization, written, asked_at=now, actor=actor)
    return written


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
