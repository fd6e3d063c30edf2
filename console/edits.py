"""Several people at one form: the row as it is by now, and who has changed it meanwhile."""

from collections.abc import Callable
from typing import Final, TypeVar
from uuid import UUID

from console import reading
from console.access import Visit
from console.forms import EditForm
from console.reading import Line

Row = TypeVar("Row")
_READ: Final = 20
_SHOWN_MAX: Final = 3


def current(visit: Visit, row: Row, lock: Callable[[Row], Row]) -> Row:
    """Return the row to edit: where a form was sent, as `lock` reads it anew, and holds it until the visit has ended.

    What the form is compared with is then what its verb changes, also if two people send it at once.
    """
    return row if visit.posted is None else lock(row)


def meanwhile(visit: Visit, form: EditForm, subject: UUID) -> list[Line]:
    """Return the changes of the subject since the form was shown, where somebody has overtaken it: to whoever may read the record."""
    if not form.overtaken or not visit.may("record"):
        return []
    lines = reading.of_subject(visit.organization.pk, str(subject), _READ)
    since = [line for line in lines if line.changes and line.happened_at.timestamp() >= form.shown_at]
    return since[:_SHOWN_MAX]
