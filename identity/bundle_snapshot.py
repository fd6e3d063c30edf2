"""Reads everything of one organization as it stood at one moment, through a connection of its own and row by row.

One REPEATABLE READ transaction: the files of a bundle agree with each other and with its last entry of the record, however long the
writing takes and whatever changes meanwhile. Row-level security applies, as everywhere.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import JSONField

from audit import chain, sequencer
from audit.schema import ORGANIZATION_SETTING
from identity.bundle_contents import File, files

_RECORD_BATCH: Final = 500
# An entry that was committed a moment ago waits for its place; after so many looks the rest counts as late.
_LOOKS: Final = 5


class Snapshot:
    """The organization at one moment. `waiting` entries had no place in the record yet: late ones, which this bundle lacks."""

    def __init__(self, organization_id: UUID, reader: Any) -> None:
        self.organization_id = organization_id
        self._reader = reader
        self.waiting = self._number("SELECT count(*) FROM audit_unsequenced WHERE organization_id = %s")

    def count(self) -> int:
        """Return how many rows there are to write."""
        tables = ["audit_position", *(file.table for file in files())]
        column = {"identity_organization": "id"}
        return sum(
            self._number(f"SELECT count(*) FROM {table} WHERE {column.get(table, 'organization_id')} = %s")  # noqa: S608 - our own names
            for table in tables
        )

    def record(self) -> Iterator[tuple[dict[str, Any], chain.Place]]:
        """Give each entry with its detail, and the place of the chain after it."""
        place = chain.Place()
        for row in self._rows(chain.SELECT, [self.organization_id, 0], _RECORD_BATCH):
            entry = chain.entry_of(self.organization_id, row)
            place = place.then(entry)
            yield {**entry, "hash": place.hash.hex(), **chain.detail_of(row)}, place

    def lines(self, file: File) -> Iterator[bytes]:
        """Give each row of a table as a line of JSON."""
        model = file.model._meta  # noqa: SLF001 - Django's public name for it
        own = "id" if file.table == "identity_organization" else "organization_id"
        keys = ", ".join(f'"{each.column}"' for each in model.pk_fields)
        columns = ", ".join(f'"{each.column}"' for each in file.columns)
        sql = f'SELECT {columns} FROM "{file.table}" WHERE {own} = %s ORDER BY {keys}'  # noqa: S608 - our own names
        for row in self._rows(sql, [self.organization_id], file.batch):
            yield orjson.dumps(dict(self._shown(file, row)), option=orjson.OPT_UTC_Z) + b"\n"

    def _shown(self, file: File, row: Sequence[Any]) -> Iterator[tuple[str, Any]]:
        for column, value in zip(file.columns, row, strict=True):
            if column.name in file.opened:
                name, opener = file.opened[column.name]
                yield (
                    name,
                    opener(self.organization_id, row[0], bytes(value)) if value is not None else None,
                )
            elif isinstance(column, JSONField) and value is not None:
                # The driver leaves JSON as text, which need not be read to be written.
                yield column.name, orjson.Fragment(value)
            else:
                yield column.name, value

    def _rows(self, sql: str, parameters: list[Any], batch: int) -> Iterator[Sequence[Any]]:
        with self._reader.chunked_cursor() as cursor:
            cursor.execute(sql, parameters)
            while rows := cursor.fetchmany(batch):
                yield from rows

    def _number(self, sql: str) -> int:
        with self._reader.cursor() as cursor:
            cursor.execute(sql, [self.organization_id])
            return int(cursor.fetchone()[0])


@contextmanager
def take(organization_id: UUID) -> Iterator[Snapshot]:
    """Open a snapshot of the organization, with as few late entries as can be had."""
    for look in range(_LOOKS):
        sequencer.run_for(organization_id)
        with _open(organization_id) as snapshot:
            if snapshot.waiting and look < _LOOKS - 1:
                continue
            yield snapshot
            return


@contextmanager
def _open(organization_id: UUID) -> Iterator[Snapshot]:
    reader = connection.copy()
    try:
        reader.set_autocommit(False)
        with reader.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute(f"SELECT set_config('{ORGANIZATION_SETTING}', %s, true)", [str(organization_id)])
        yield Snapshot(organization_id, reader)
    finally:
        reader.close()
