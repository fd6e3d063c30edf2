"""Makes objects of rows that a statement of our own returns as JSON (`to_jsonb`), where the ORM would cost more than the row."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from django.db import models

Model = TypeVar("Model", bound=models.Model)


def loaded(model: type[Model], row: Mapping[str, Any]) -> Model:
    """Return the object of a row, as if it had been read by the ORM. `row` has every column by its name."""
    names, readers = _columns(model)
    values = [
        row[column] if read is None or row[column] is None else read(row[column]) for column, read in readers
    ]
    return model.from_db("default", names, values)


@cache
def _columns(
    model: type[models.Model],
) -> tuple[list[str], list[tuple[str, Callable[[Any], Any] | None]]]:
    fields = model._meta.concrete_fields  # noqa: SLF001 - Django's documented way to its fields
    return [field.attname for field in fields], [(str(field.column), _reader(field)) for field in fields]


def _reader(field: "models.Field[Any, Any]") -> Callable[[Any], Any] | None:
    """Return what reads a field's value from JSON; None where JSON has it as it is."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    if isinstance(field, models.UUIDField):
        return UUID
    if isinstance(field, models.DateTimeField):
        return datetime.fromisoformat
    if isinstance(field, models.BinaryField):
        return lambda written: bytes.fromhex(written.removeprefix("\\x"))
    return None
