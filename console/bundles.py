"""The export of a whole organization: asking for it, watching it grow, downloading it, being rid of it."""

from functools import partial
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render

from console.access import Visit
from console.answers import done, page
from console.paging import shorten
from identity import bundles
from identity.downloads import handed_out
from identity.errors import NotFound, Refusal
from identity.models import Bundle

_SHOWN_MAX = 20


def index(visit: Visit) -> HttpResponse:
    """Show the latest bundles."""
    return _page(visit)


def ask(visit: Visit) -> HttpResponse:
    """Have a bundle written."""
    try:
        bundles.ask(visit.organization, actor=visit.actor)
    except Refusal as refusal:
        return _page(visit, refusal.message, status=409)
    return done(visit, "The export has been asked for; a worker writes it.", "bundles")


def fragment(visit: Visit, bundle: UUID) -> HttpResponse:
    """Answer with a bundle's progress alone, for the script that keeps it fresh."""
    values = {"visit": visit, "organization": visit.organization, "bundle": _find(visit, bundle)}
    return render(visit.request, "console/bundle_progress.html", values)


def download(visit: Visit, bundle: UUID) -> HttpResponse | StreamingHttpResponse:
    """Hand out the archive."""
    found = _find(visit, bundle)
    try:
        bundles.refuse_unready(found)
        return handed_out(
            str(visit.request.method),
            partial(bundles.download, found, actor=visit.actor),
            "application/zip",
            bundles.headers(visit.organization, found),
        )
    except NotFound as refusal:
        return _page(visit, refusal.message, status=409)


def discard(visit: Visit, bundle: UUID) -> HttpResponse:
    """Be rid of an archive, or stop its being written."""
    bundles.discard(_find(visit, bundle), actor=visit.actor)
    return done(visit, "The export is discarded.", "bundles")


def _find(visit: Visit, bundle: UUID) -> Bundle:
    return get_object_or_404(Bundle, organization=visit.organization, pk=bundle)


def _page(visit: Visit, problem: str = "", *, status: int = 200) -> HttpResponse:
    rows = shorten(Bundle.objects.filter(organization=visit.organization).order_by("-pk"), _SHOWN_MAX)
    writing = next((row for row in rows if row.state == Bundle.State.WRITING), None)
    values = {"rows": rows, "writing": writing, "problem": problem}
    return page(visit, "bundles.html", values, status=status)
