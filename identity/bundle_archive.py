"""Writes a bundle: a zip that is streamed piece by piece into whatever takes it, with the manifest as its last member.

docs/guides/leaving-customers.md describes the format for whoever reads one.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from audit.chain import Place
from audit.json_text import instant
from identity import bundle_contents
from identity.bundle_snapshot import Snapshot
from identity.models import Organization

FORMAT: Final = "rollcall-bundle"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
_PIECE_BYTES: Final = 1024 * 1024
# Between two words to whoever follows the writing.
_TOLD_EVERY_ROWS: Final = 2000

Teller = Callable[[str, int], None]


class Sink:
    """Takes the archive's bytes, and hands them on in pieces of one mebibyte; knows their number and their hash."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, content: Any) -> int:
        """Take bytes, as `zipfile` gives them to a file that cannot be sought in."""
        self._buffer += content
        self._digest.update(content)
        self.size += len(content)
        while len(self._buffer) >= _PIECE_BYTES:
            self._take(bytes(self._buffer[:_PIECE_BYTES]))
            del self._buffer[:_PIECE_BYTES]
        return len(content)

    def flush(self) -> None:
        """Do nothing: pieces go when they are full."""

    def end(self) -> str:
        """Hand on what is left and return the SHA-256 of it all, in hex."""
        if self._buffer:
            self._take(bytes(self._buffer))
            self._buffer.clear()
        return self._digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it: the archive's size in bytes and SHA-256, its rows, and where the record in it ends."""

    size: int
    sha256: str
    rows: int
    place: Place


@dataclass(slots=True)
class _Member:
    """What the manifest says of one file."""

    lines: int = 0
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def shown(self) -> dict[str, Any]:
        return {"lines": self.lines, "bytes": self.size, "sha256": self.digest.hexdigest()}


class _Writer:
    def __init__(self, archive: zipfile.ZipFile, at: datetime, tell: Teller) -> None:
        self._archive = archive
        self._date = (at.year, at.month, at.day, at.hour, at.minute, at.second)
        self._tell = tell
        self.members: dict[str, _Member] = {}
        self.rows = 0
        self.place = Place()

    def lines(self, path: str, lines: Iterable[bytes]) -> None:
        member = self.members[path] = _Member()
        with self.member(path) as out:
            for line in lines:
                out.write(line)
                member.digest.update(line)
                member.size += len(line)
                member.lines += 1
                self.rows += 1
                if self.rows % _TOLD_EVERY_ROWS == 0:
                    self._tell(path, self.rows)
        self._tell(path, self.rows)

    def record(self, snapshot: Snapshot) -> Iterator[bytes]:
        for line, place in snapshot.record():
            self.place = place
            yield orjson.dumps(line) + b"\n"

    @contextmanager
    def member(self, path: str) -> Iterator[Any]:
        information = zipfile.ZipInfo(path, self._date)
        information.compress_type = zipfile.ZIP_DEFLATED
        with self._archive.open(information, "w", force_zip64=True) as out:
            yield out


def write(
    organization: Organization,
    snapshot: Snapshot,
    sink: Sink,
    *,
    asked: dict[str, Any],
    at: datetime,
    tell: Teller,
) -> Written:
    """Write all of the organization into the sink. `asked` is {by, at}; `tell` hears the file and the rows written so far."""
    # What zipfile wants of a file that it only writes to, the sink has.
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:  # type: ignore[call-overload]
        writer = _Writer(archive, at, tell)
        writer.lines(bundle_contents.RECORD, writer.record(snapshot))
        for file in bundle_contents.files():
            writer.lines(file.path, snapshot.lines(file))
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "organization": {
                "id": str(organization.pk),
                "slug": organization.slug,
                "name": organization.name,
            },
            "asked": asked,
            "begun_at": instant(at),
            "record": {
                "seq": writer.place.seq,
                "hash": writer.place.hash.hex(),
                "waiting": snapshot.waiting,
            },
            "files": {path: member.shown() for path, member in writer.members.items()},
            "withheld": {file.path: file.withheld for file in bundle_contents.files() if file.withheld},
            "left_out": bundle_contents.left_out(),
        }
        with writer.member(MANIFEST) as out:
            out.write(json.dumps(manifest, ensure_ascii=False, indent=1).encode())
    return Written(sink.size, sink.end(), writer.rows, writer.place)
