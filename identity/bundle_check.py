"""Checks a bundle without the server that wrote it: its files against the manifest, and its record against its own chain of hashes.

Somebody who alters a bundle can write a new manifest too, and the bundle is consistent again. But its SHA-256 is then not the one that
the entry `bundle.finish` and the proof of deletion name. So a check that is to convince anybody must be given that one.
"""

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from audit.chain import Place, proves
from identity.bundle_archive import FORMAT, MANIFEST, VERSION
from identity.bundle_contents import RECORD

PROBLEMS_MAX: Final = 50
_MANIFEST_BYTES_MAX: Final = 1024 * 1024
# A row holds a logged request at most: a quarter of a mebibyte of body, escaped.
_LINE_BYTES_MAX: Final = 16 * 1024 * 1024
_READ_BYTES: Final = 1024 * 1024
# All that zipfile raises over bytes that are no zip, or one that is encrypted or packed in a way that we do not write.
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    OverflowError,
)
_OUTSIDE_THE_CHAIN: Final = frozenset({"hash", "salt", "detail"})


@dataclass(slots=True)
class Checked:
    """What was found: the manifest where it could be read, and a sentence for everything that is wrong, PROBLEMS_MAX of them at most."""

    manifest: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    problems: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Write down what is wrong."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(sentence)


def check(path: Path, *, sha256: str = "") -> Checked:
    """Check the archive; `sha256` is what it should be as a whole, in hex, where that is known from elsewhere. Raises OSError."""
    found = Checked()
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    found.sha256 = digest.hexdigest()
    if sha256 and sha256.lower() != found.sha256:
        found.note(f"The archive is not the one that is meant: its SHA-256 is {found.sha256}, not {sha256}.")
    try:
        with zipfile.ZipFile(path) as archive:
            _archive(archive, found)
    except _DAMAGED as error:
        found.note(f"The archive is damaged: {error or type(error).__name__}.")
    return found


def parted(newer: Path, older: Path) -> int | None:
    """Return the last place at which the records of two bundles in order are the same, None where the newer has all of the older's.

    A record that was restored from a backup gives the places behind it anew.
    """
    with zipfile.ZipFile(newer) as new, zipfile.ZipFile(older) as old:
        for place, (before, now) in enumerate(zip_longest(_hashes(old), _hashes(new))):
            if before is None:
                return None
            if before != now:
                return place
    return None


def _hashes(archive: zipfile.ZipFile) -> Iterator[str]:
    """Give the hash of the chain at each entry."""
    with archive.open(RECORD) as file:
        while line := file.readline(_LINE_BYTES_MAX):
            yield json.loads(line)["hash"].lower()


def _archive(archive: zipfile.ZipFile, found: Checked) -> None:
    names = archive.namelist()
    for twice in sorted({name for name in names if names.count(name) > 1}):
        found.note(f"{twice} is in the archive more than once.")
    manifest = _manifest(archive, found)
    if manifest is None:
        return
    found.manifest = manifest
    for name in sorted(set(names) - {MANIFEST, *manifest["files"]}):
        found.note(f"{name} is in the archive and not in the manifest.")
    for name, promised in manifest["files"].items():
        if name not in names:
            found.note(f"{name} is in the manifest and not in the archive.")
        elif name == RECORD:
            _record(archive, promised, found)
        else:
            for _ in _lines(archive, name, promised, found):
                pass
    if RECORD not in manifest["files"]:
        found.note(f"The manifest names no {RECORD}.")


def _manifest(archive: zipfile.ZipFile, found: Checked) -> dict[str, Any] | None:
    if MANIFEST not in archive.namelist():
        found.note(f"There is no {MANIFEST}: this is no bundle, or not a whole one.")
        return None
    try:
        with archive.open(MANIFEST) as file:
            manifest = json.loads(file.read(_MANIFEST_BYTES_MAX))
        if (manifest["format"], manifest["version"]) != (FORMAT, VERSION):
            found.note(f"This is no bundle of version {VERSION}, which is the one that this release checks.")
            return None
        _shape(manifest)
    except (ValueError, KeyError, TypeError, AttributeError):
        found.note(f"{MANIFEST} cannot be understood.")
        return None
    return dict(manifest)


def _shape(manifest: dict[str, Any]) -> None:
    """Touch whatever is read later. Raises KeyError, TypeError, ValueError, AttributeError."""
    str(manifest["organization"]["id"]), bytes.fromhex(manifest["record"]["hash"])
    int(manifest["record"]["seq"]), int(manifest["record"]["waiting"])
    for promised in manifest["files"].values():
        int(promised["lines"]), int(promised["bytes"]), bytes.fromhex(promised["sha256"])


def _lines(archive: zipfile.ZipFile, name: str, promised: dict[str, Any], found: Checked) -> Iterator[bytes]:
    """Give each line of a file, and note at its end how it differs from what the manifest promised."""
    digest, lines, size = hashlib.sha256(), 0, 0
    with archive.open(name) as file:
        while line := file.readline(_LINE_BYTES_MAX):
            digest.update(line)
            lines += 1
            size += len(line)
            if size > promised["bytes"] or not line.endswith(b"\n"):
                found.note(f"{name} is longer than the manifest says, or not made of lines.")
                return
            yield line
    for what, is_, said in (
        ("lines", lines, promised["lines"]),
        ("bytes", size, promised["bytes"]),
        ("SHA-256", digest.hexdigest(), promised["sha256"].lower()),
    ):
        if is_ != said:
            found.note(f"{name} has {what} {is_}, and the manifest says {said}.")


def _record(archive: zipfile.ZipFile, promised: dict[str, Any], found: Checked) -> None:
    """Walk along the chain; after a break it is taken up again at the hash in the file, so that each break is told once."""
    place, own = Place(), str(found.manifest["organization"]["id"])
    for number, line in enumerate(_lines(archive, RECORD, promised, found), 1):
        try:
            row = json.loads(line)
            entry = {name: value for name, value in row.items() if name not in _OUTSIDE_THE_CHAIN}
            following, said = place.then(entry), bytes.fromhex(row["hash"])
            salt, detail = row["salt"], row["detail"]
        except (ValueError, KeyError, TypeError, AttributeError):
            found.note(f"Line {number} of {RECORD} is no entry.")
            return
        if entry["seq"] != number:
            found.note(
                f"Line {number} of {RECORD} is entry {entry['seq']}: entries are missing, or in another order."
            )
            return
        if entry.get("organization") != own:
            found.note(f"Entry {number} is another organization's.")
        if following.hash != said:
            found.note(
                f"Entry {number} has been altered, or something before it: the chain of hashes is broken."
            )
        if not proves(entry, salt, detail):
            found.note(
                f"The detail of entry {number} has been altered: it is not what the entry was committed to."
            )
        place = Place(number, said)
    end = found.manifest["record"]
    if (place.seq, place.hash.hex()) != (end["seq"], end["hash"].lower()):
        found.note(
            f"The record ends at {place.seq}, and the manifest says at {end['seq']} and with which hash."
        )
