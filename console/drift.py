"""Where a directory that is read and the organization differ, and since when."""

from typing import Final
from uuid import UUID

from django.http import HttpResponse

from console import directories
from console.access import Visit
from console.answers import page
from console.moves import owners
from console.paging import PAGE_ROWS, decode, part
from identity import directories as verbs
from identity import drift

_AFTER_LENGTH_MAX: Final = 1024


def show(visit: Visit, directory: UUID) -> HttpResponse:
    """List the people about whom they differ, by the directory's ids; whoever belongs to another directory can be moved."""
    found = directories.find(visit, directory)
    asked = visit.request.GET
    after = (decode(asked.get("after", ""), 1) or [""])[0][:_AFTER_LENGTH_MAX]
    rows = drift.of(found, after=after, limit=PAGE_ROWS)
    shown = part(asked, rows.differences, rows.following, begun=bool(after))
    values = {
        "directory": found,
        "pulled": found.kind not in verbs.KINDS,
        "here": "directory_drift",
        "page": shown,
        "owners": owners(found, [row.member_id for row in shown.rows if row.what == "user_name_taken"]),
    }
    return page(visit, "drift.html", values)
