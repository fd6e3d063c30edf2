"""Running a logged request again: first what it would change, then, as a second and recorded step, the change."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse

from console import requests
from console.access import Visit
from console.answers import done, page
from console.directories import find as directory_of
from identity.errors import Refusal
from identity.models import Member
from scim import replay
from scim.models import LoggedRequest
from scim.replay import Replay

_REFUSED_FROM = 400


def rehearse(visit: Visit, directory: UUID, logged_request: UUID) -> HttpResponse:
    """Show what the request would do today; nothing of it stays."""
    row = requests.find(visit, directory, logged_request)
    try:
        rehearsed = replay.rehearse(row, actor=visit.actor)
    except Refusal as refusal:
        return _page(visit, row, None, refusal)
    return _page(visit, row, rehearsed)


def apply(visit: Visit, directory: UUID, logged_request: UUID) -> HttpResponse:
    """Do today what the request asks. Where something was changed since, only if the visitor says that they have seen it."""
    row = requests.find(visit, directory, logged_request)
    seen = visit.request.POST.get("despite_later") == "yes"
    try:
        applied = replay.apply(row, actor=visit.actor, despite_later=seen)
    except Refusal as refusal:
        try:
            rehearsed = replay.rehearse(row, actor=visit.actor)
        except Refusal:
            rehearsed = None
        return _page(visit, row, rehearsed, refusal, status=400)
    if not applied.is_applied:
        return _page(visit, row, applied, status=400)
    changed = (
        len(applied.changes) + len(applied.members.get("joined", ())) + len(applied.members.get("left", ()))
    )
    said = (
        f"The request was run again and answered with {applied.status}; "
        f"{changed} {'value' if changed == 1 else 'values'} changed."
    )
    return done(visit, said, "request", directory=directory, logged_request=logged_request)


def _page(
    visit: Visit,
    row: LoggedRequest,
    shown: Replay | None,
    refusal: Refusal | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    found = directory_of(visit, row.directory_id)
    values: dict[str, Any] = {
        "directory": found,
        "row": row,
        "replay": shown,
        "refusal": refusal,
        "here": "requests",
    }
    if shown is not None:
        values |= {
            "answer": requests.indented(shown.answer),
            "changes": [(path, *pair) for path, pair in shown.changes.items()],
            "warnings": requests.explained(shown.warnings, row.client or found.idp),
            "entries": requests.entries(shown.entries),
            "later": requests.entries(shown.later),
            "is_refused": shown.status >= _REFUSED_FROM,
            "moves": bool(shown.members.get("joined_count") or shown.members.get("left_count")),
            "joined": _named(visit, shown.members.get("joined", [])),
            "left": _named(visit, shown.members.get("left", [])),
        }
    return page(visit, "request_replay.html", values, status=status)


def _named(visit: Visit, ids: list[str]) -> list[tuple[str, str]]:
    """Return members of a group as (id, name); the id is also the name of one who is not here."""
    rows = Member.objects.filter(organization=visit.organization, pk__in=ids)
    names = {str(pk): name for pk, name in rows.values_list("pk", "user_name")}
    return [(each, names.get(each, each)) for each in ids]
