"""Handing out the record: the download is itself an entry, written before the first byte leaves."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from audit import export
from audit.events import Event
from audit.record import Actor, record
from identity import tenancy
from identity.models import Organization
from identity.organizations import subject_of

_PAGE: Final = 500
FORMATS: Final = {
    "csv": ("text/csv; charset=utf-8", export.csv_rows),
    "jsonl": ("application/jsonl", export.jsonl),
}


def start(
    organization: Organization, form: str, wanted: export.Filter, *, actor: Actor, after: int = 0
) -> Iterator[str]:
    """Record the download and return its text piece by piece. `form` is csv or jsonl.

    It ends where the record ended when it was asked for, so that a busy organization's download ends at all. Each page is
    read in a transaction of its own, when the pieces before it have been taken.
    """
    with tenancy.change(organization):
        upto = export.head(organization.pk)
        record(
            Event.RECORD_DOWNLOAD,
            organization_id=organization.pk,
            actor=actor,
            subject=subject_of(organization),
            data={"format": form, "filters": wanted.described(), "after": after, "upto": upto},
        )
    return FORMATS[form][1](_lines(organization, wanted, after, upto))


def file_name(organization: Organization, form: str) -> str:
    """Return a name for the file, as acme-record-20270331T1800Z.csv."""
    return f"{organization.slug}-record-{datetime.now(UTC):%Y%m%dT%H%MZ}.{form}"


def _lines(organization: Organization, wanted: export.Filter, after: int, upto: int) -> Iterator[export.Line]:
    while True:
        with tenancy.of(organization):
            lines = export.page(organization.pk, wanted, after=after, limit=_PAGE, upto=upto)
        yield from lines
        if len(lines) < _PAGE:
            return
        after = lines[-1].seq
