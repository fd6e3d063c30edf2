"""`manage.py rollcall verify FILE`: check a bundle, or a downloaded record or sign-in log, offline."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import OutputWrapper

from audit.record import Actor
from identity import bundle_check, file_check
from identity.errors import Invalid

HELP = (
    "Check a bundle without any server: its files, its counts, and the record's chain of hashes; or a file that was downloaded"
    " (.csv, .jsonl) by its lines and its SHA-256. Exits 0 if all is well, 1 if not."
)
_PROOF_BYTES_MAX = 1024 * 1024


def add_arguments(parser: ArgumentParser) -> None:
    """Take the file and what it is held against."""
    parser.add_argument(
        "file", help="a bundle, as `bundle` and the console write it, or a .csv or .jsonl file"
    )
    parser.add_argument("--sha256", default="", help="what its SHA-256 should be, in hex, as the record says")
    parser.add_argument(
        "--continues",
        default="",
        metavar="OLDER",
        help="an older bundle, all of whose record this one must have",
    )
    parser.add_argument("--proof", default="", help="a proof of deletion that names the archive")


def run(
    out: OutputWrapper, _actor: Actor, *, file: str, sha256: str, proof: str, continues: str, **_: Any
) -> int:
    """Check it and say what was found."""
    try:
        if Path(file).suffix.lower() in {".csv", ".jsonl"}:
            return _downloaded(out, file, sha256)
        wanted = _of_proof(Path(proof)) if proof else sha256
        found = bundle_check.check(Path(file), sha256=wanted)
        if continues and not found.problems:
            _continues(found, Path(file), Path(continues))
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error}", field="file") from error
    for sentence in found.problems:
        out.write(sentence)
    if found.problems:
        out.write(f"{file} is not in order.")
        return 1
    manifest = found.manifest
    lines = sum(each["lines"] for each in manifest["files"].values())
    out.write(
        f"{manifest['organization']['name']} ({manifest['organization']['id']}), as of {manifest['begun_at']}"
    )
    out.write(f"{len(manifest['files'])} files with {lines} lines are as the manifest says.")
    out.write(f"The record is whole up to {manifest['record']['seq']}, hash {manifest['record']['hash']}.")
    if manifest["record"]["waiting"]:
        out.write(f"{manifest['record']['waiting']} entries came too late for it.")
    if continues:
        out.write(f"It has all of the record that {continues} has.")
    out.write(f"SHA-256 of the archive: {found.sha256}{', as was to be' if wanted else ''}.")
    return 0


def _continues(found: bundle_check.Checked, file: Path, older: Path) -> None:
    """Note where the record is not the one of an older bundle any more. Raises Invalid, OSError."""
    if bundle_check.check(older).problems:
        raise Invalid(f"{older} is not in order: `verify` says of it why.", field="continues")
    if (place := bundle_check.parted(file, older)) is not None:
        found.note(
            f"The record went back: behind entry {place} it is not the one of {older}. So it is after a restore from a backup."
        )


def _downloaded(out: OutputWrapper, file: str, sha256: str) -> int:
    found = file_check.check(Path(file), sha256=sha256)
    for sentence in found.problems:
        out.write(sentence)
    if found.problems:
        out.write(f"{file} is not in order.")
        return 1
    out.write(f"{found.entries} entries, none of them broken.")
    if found.first is not None:
        left_out = f"{found.gaps} between them left out" if found.gaps else "none between them left out"
        out.write(f"They are the record's {found.first} to {found.last}, {left_out}.")
    out.write(f"SHA-256 of the file: {found.sha256}{', as was to be' if sha256 else ''}.")
    if not sha256:
        out.write(
            "It is whole if the record has this SHA-256 in an entry record.download_finish or sign_in.download_finish."
        )
    return 0


def _of_proof(path: Path) -> str:
    try:
        with path.open("rb") as file:
            named = json.loads(file.read(_PROOF_BYTES_MAX))["bundle"]["sha256"]
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error}", field="proof") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Invalid(f"{path} is no proof of deletion that names a bundle.", field="proof") from error
    return str(named)
