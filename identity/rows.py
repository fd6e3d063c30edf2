"""Objects of rows and rows of objects without the ORM's building of SQL, which costs more than PostgreSQL's answering.

Read is what a statement of our own returns as JSON (`to_jsonb`); written is by a statement whose text is made once for each model.
Why: docs/decisions/round-trips.md.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast
from uuid import UUID

from django.db import connection as default_connection
from django.db import models

from identity.postgresql.base import DatabaseWrapper

Model = TypeVar("Model", bound=models.Model)
connection = cast("DatabaseWrapper", default_connection)


def loaded(model: type[Model], row: Mapping[str, Any]) -> Model:
    """Return the object of a row, as if it had been read by the ORM. `row` has every column by its name."""
    names, readers = _columns(model)
    values = [
        row[column] if read is None or row[column] is None else read(row[column]) for column, read in readers
    ]
    return model.from_db("default", names, values)


def made(model: type[Model], **given: Any) -> Model:
    """Return an object that is not written yet, of values by their columns' names (`organization_id`) and the model's defaults.

    Django works out anew for each object which fields were given and what the defaults of the others are: a twelfth of the time that a
    creation takes in the web process. Raises TypeError for a name that is no column.
    """
    names, defaults = _defaults(model)
    if strange := given.keys() - names:
        message = f"{model.__name__} has no {', '.join(sorted(strange))}."
        raise TypeError(message)
    return model(*[given[name] if name in given else default() for name, default in defaults])


def assign(row: models.Model, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Set the fields on the object (not saved), and return those that differ as {field: [old, new]}."""
    changes = {
        name: [getattr(row, name), value] for name, value in values.items() if getattr(row, name) != value
    }
    for name, (_, value) in changes.items():
        setattr(row, name, value)
    return changes


def insert(row: models.Model) -> None:
    """Queue the row's INSERT: it travels with the next statement, so what refuses it is raised there, at the latest by the commit.

    For rows whose constraints nobody's input can meet; where a refusal is expected, save the row instead.
    """
    sql, fields = _insert(type(row))
    connection.ahead(sql, [_value(field, row) for field in fields])
    row._state.adding = False  # noqa: SLF001 - Django's own mark of a row that exists


def update(row: models.Model, *names: str) -> None:
    """Queue the UPDATE of these fields of a tenant's row, in the manner of `insert`."""
    sql, fields = _update(type(row), names)
    connection.ahead(sql, [_value(field, row) for field in fields])


def _value(field: "models.Field[Any, Any]", row: models.Model) -> Any:
    return field.get_db_prep_save(getattr(row, field.attname), connection)


@cache
def _defaults(model: type[models.Model]) -> tuple[frozenset[str], list[tuple[str, Callable[[], Any]]]]:
    fields = model._meta.concrete_fields  # noqa: SLF001 - Django's documented way to its fields
    return frozenset(field.attname for field in fields), [
        (field.attname, field.get_default) for field in fields
    ]


@cache
def _insert(model: type[models.Model]) -> "tuple[str, list[models.Field[Any, Any]]]":
    fields = list(model._meta.concrete_fields)  # noqa: SLF001 - Django's documented way to its fields
    columns = ", ".join(str(field.column) for field in fields)
    values = ", ".join(_typed(field) for field in fields)
    return f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({values})", fields  # noqa: S608, SLF001 - names of our models


@cache
def _update(model: type[models.Model], names: tuple[str, ...]) -> "tuple[str, list[models.Field[Any, Any]]]":
    keys = ("organization", "id")
    fields = [cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in (*names, *keys)]  # noqa: SLF001
    written = [f"{field.column} = {_typed(field)}" for field in fields]
    changed, where = ", ".join(written[: len(names)]), " AND ".join(written[len(names) :])
    return f"UPDATE {model._meta.db_table} SET {changed} WHERE {where}", fields  # noqa: S608, SLF001 - names of our models


def _typed(field: "models.Field[Any, Any]") -> str:
    # With its type named, the statement is one and the same for PostgreSQL whatever the values are.
    return f"%s::{field.db_type(connection)}"


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
