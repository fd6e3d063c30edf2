"""Handing out the record and what else is recorded when it leaves: an entry before the first byte, and one when the last is on its way.

The second one holds the file's SHA-256. There is none of a file that broke off, and whoever holds a whole one can show that it is
what was handed out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.http import StreamingHttpResponse

from audit import context, export
from audit.events import Event
from audit.files import Finished, Whole, csv_file, jsonl_file
from audit.json_text import plain
from audit.record import Actor, record
from identity import tenancy
from identity.models import Organization
from identity.organizations import subject_of

_PAGE: Final = 500
CONTENT_TYPES: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


def start(
    organization: Organization,
    form: str,
    wanted: export.Filter,
    *,
    actor: Actor,
    after: int = 0,
    marked: bool = False,
) -> Iterator[str]:
    """Record the download and return its text piece by piece. `form` is csv or jsonl; `marked` is that of `csv_file`.

    It ends where the record ended when it was asked for, so that a busy organization's download ends at all. Each page is
    read in a transaction of its own, when the pieces before it have been taken.
    """
    with tenancy.change(organization):
        upto = export.head(organization.pk)
        about = plain({"filters": wanted.described(), "after": after, "upto": upto})
        finished = begun(
            organization, Event.RECORD_DOWNLOAD, Event.RECORD_DOWNLOAD_FINISH, form, about, actor=actor
        )
    lines = _lines(organization, wanted, after, upto)
    if form == "csv":
        rows = map(export.cells, lines)
        return csv_file(export.COLUMNS, rows, finished=finished, marked=marked)
    return jsonl_file(map(export.shown, lines), finished=finished)


def begun(
    organization: Organization,
    event: Event,
    finish: Event,
    form: str,
    about: Mapping[str, Any],
    *,
    actor: Actor,
) -> Finished:
    """Record in the caller's transaction that a download begins; return what records, by itself, that it was whole."""
    began = record(
        event,
        organization_id=organization.pk,
        actor=actor,
        subject=subject_of(organization),
        data={"format": form, **about},
    )
    # A file leaves after its request is over, and its end is that request's all the same.
    where = context.current()

    def finished(whole: Whole) -> None:
        with context.within(where), tenancy.change(organization):
            record(
                finish,
                organization_id=organization.pk,
                actor=actor,
                subject=subject_of(organization),
                data={
                    "format": form, "download": str(began), "entries": whole.entries, "sha256": whole.sha256,
                },
            )  # fmt: skip

    return finished


def handed_out(
    method: str, begin: Callable[[], Iterable[str | bytes]], content_type: str, headers: Mapping[str, str]
) -> StreamingHttpResponse:
    """Answer with the file that `begin` begins and records. HEAD is answered as GET would be, and begins nothing.

    It is safe (RFC 9110, 9.2.1 and 9.3.2) and sends no content: an entry about it would say that something left which did not.
    """
    content = () if method == "HEAD" else begin()
    return StreamingHttpResponse(content, content_type=content_type, headers=headers)


def file_name(organization: Organization, form: str) -> str:
    """Return a name for the file, as acme-record-20270331T1800Z.csv."""
    return f"{organization.slug}-record-{datetime.now(UTC):%Y%m%dT%H%MZ}.{form}"


def _lines(organization: Organization, wanted: export.Filter, after: int, upto: int) -> Iterator[export.Line]:
    following: int | None = after
    while following is not None:
        with tenancy.of(organization):
            page = export.page(organization.pk, wanted, after=following, limit=_PAGE, upto=upto)
        yield from page.lines
        following = page.following
