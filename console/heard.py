"""What a directory said last: one line, drawn with the page, and fetched again by a script where there is one."""

from dataclasses import dataclass
from urllib.parse import unquote_plus
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from console import directories, requests
from console.access import Visit
from identity.models import Directory
from scim.models import LoggedRequest

_QUERY_LENGTH_MAX = 120


@dataclass(frozen=True, slots=True)
class Heard:
    """The latest request of a directory. `call` is method, path and query as people read them."""

    row: LoggedRequest
    call: str


def last(directory: Directory) -> Heard | None:
    """Return the latest request in the directory's log, or None; the tenancy must be set."""
    row = (
        LoggedRequest.objects.filter(organization=directory.organization_id, directory=directory)
        .order_by("-pk")
        .first()
    )
    if row is None:
        return None
    kept = requests.opened(row)
    query = unquote_plus(kept.query) if kept else ""
    if len(query) > _QUERY_LENGTH_MAX:
        query = query[:_QUERY_LENGTH_MAX] + "…"
    return Heard(row, f"{row.method} {row.path}{'?' if query else ''}{query}")


def fragment(visit: Visit, directory: UUID) -> HttpResponse:
    """Answer with the line alone, for the script that keeps it fresh."""
    found = directories.find(visit, directory)
    values = {"visit": visit, "organization": visit.organization, "directory": found, "heard": last(found)}
    return render(visit.request, "console/heard.html", values)
