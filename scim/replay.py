"""Runs a logged request through today's code and mapping: first to see what it would change, then, recorded, to change it.

The request goes through the very views that answer clients, as its directory, whatever has become of its token. A rehearsal happens in
a transaction that is rolled back, so nothing of it stays: no row, no entry, no line in the request log.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any, Final
from uuid import UUID

from django.core.handlers.wsgi import WSGIRequest
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse
from django.urls import resolve

from audit import context
from audit.events import Event
from audit.ids import uuid7
from audit.models import Entry
from audit.record import Actor, Subject, record
from identity import tenancy
from identity.errors import Conflict, Invalid
from identity.models import Token
from identity.profile import differences
from scim import logged, queries, resources
from scim.address import base_url
from scim.authentication import Caller
from scim.exchange import ANSWER_BYTES_MAX, Exchange
from scim.models import LoggedRequest
from scim.request_log import ROOT

MEMBERS_SHOWN_MAX: Final = 100
_REFUSED_FROM: Final = 400


@dataclass(slots=True)
class Replay:
    """What a request does today. `changes` maps an attribute of its resource to [before, after]; `members` tells who joins and leaves.

    `entries` are those that are written; `later` those by which the resource was changed after the request first came.
    """

    status: int
    answer: str
    warnings: list[dict[str, str]] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    later: list[dict[str, Any]] = field(default_factory=list)
    is_applied: bool = False


class _TakenBack(Exception):
    """Ends a transaction that is to leave nothing behind."""


def rehearse(row: LoggedRequest, *, actor: Actor) -> Replay:
    """Return what the request would do today. Raises Invalid for one that cannot be run again."""
    kept = _runnable(row)
    replays: list[Replay] = []
    with suppress(_TakenBack), transaction.atomic(), tenancy.of(row.organization_id):
        replays.append(_perform(row, kept, actor))
        raise _TakenBack
    return replays[0]


def apply(row: LoggedRequest, *, actor: Actor, despite_later: bool = False) -> Replay:
    """Do today what the request asks, as one recorded step; refused as a client would be, it changes nothing and says so.

    Raises Invalid, and Conflict where the resource was changed since and `despite_later` is not given.
    """
    kept = _runnable(row)
    replays: list[Replay] = []
    with suppress(_TakenBack), transaction.atomic(), tenancy.of(row.organization_id):
        if later_changes(row) and not despite_later:
            raise Conflict(
                "This was changed after the request came: replaying it may undo that. Look at it, and say that you have seen it."
            )
        replays.append(_perform(row, kept, actor))
        if replays[0].status >= _REFUSED_FROM:
            raise _TakenBack
        _record(row, actor, replays[0])
        replays[0].is_applied = True
    if not replays[0].is_applied:
        with tenancy.of(row.organization_id):
            _record(row, actor, replays[0])
    return replays[0]


def later_changes(row: LoggedRequest) -> list[dict[str, Any]]:
    """Return the entries by which the request's resource was changed after it was answered; the tenancy must be set."""
    if row.resource_id is None:
        return []
    answered_at = row.happened_at + timedelta(microseconds=row.duration_us)
    own = Q(request_id=row.request_id, happened_at__lte=answered_at + timedelta(seconds=1))
    return logged.shown(
        Entry.objects.filter(
            Q(event__startswith="member.") | Q(event__startswith="group."),
            organization_id=row.organization_id,
            subject_id=str(row.resource_id),
            happened_at__gt=row.happened_at,
            outcome="success",
        ).exclude(own)
    )


def _runnable(row: LoggedRequest) -> Exchange:
    if row.method == "DELETE":
        raise Invalid("A deletion is not run again: offboard the person, or delete the group, yourself.")
    if row.path.strip("/").lower() == "bulk":
        raise Invalid("A Bulk request is not run again as a whole: have the identity provider send it anew.")
    kept = logged.opened(row)
    if not kept.is_whole:
        raise Invalid(
            "This request was kept in part, since it was too large, wrote what is never shown, or could not be cleaned of secrets."
            " Have the identity provider send it anew."
        )
    return kept


def _perform(row: LoggedRequest, kept: Exchange, actor: Actor) -> Replay:
    organization_id = row.organization_id
    token = Token.objects.select_related("organization", "directory").get(
        organization=organization_id, pk=row.token_id
    )
    assert token.directory is not None  # noqa: S101 - the log holds requests of directories alone
    who = Caller(token.directory, token.organization, token, actor)
    is_group = row.path.lower().startswith("/groups")
    later = later_changes(row)
    before = _resource(who, row.resource_id, is_group=is_group)
    mark = uuid7()
    # Whoever presses the button, it is the directory that asks: by this the record knows whose word a suspension was.
    with context.bind(source="scim", request_id=context.current().request_id or str(mark)) as here:
        request = _request(row, kept)
        response = _answer(request, who)
        written = Entry.objects.filter(
            organization_id=organization_id, request_id=here.request_id, pk__gt=mark
        )
        entries = logged.shown(written)
    after = before
    if response.status_code < _REFUSED_FROM:
        after = _resource(who, _named(response) or row.resource_id, is_group=is_group)
    else:
        # The transaction of a refused request is rolled back, and so is what it said until then.
        entries = [each for each in entries if each["outcome"] == "refused"]
    understood = getattr(request, "scim_understood", [])
    return Replay(
        status=response.status_code,
        answer=response.content[:ANSWER_BYTES_MAX].decode(errors="replace"),
        warnings=[notice.as_json() for wanted in understood for notice in wanted.notices.found],
        changes=differences(_described(before), _described(after)),
        members=_moved(before, after) if is_group else {},
        entries=entries,
        later=later,
    )


def _request(row: LoggedRequest, kept: Exchange) -> WSGIRequest:
    body = (kept.raw or "").encode()
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in kept.headers.items()}
    return WSGIRequest(
        {
            **headers,
            "REQUEST_METHOD": row.method,
            "PATH_INFO": f"{ROOT}/{row.path.lstrip('/')}",  # as the door reads it
            "QUERY_STRING": kept.query,
            "CONTENT_TYPE": kept.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": "replay",
            "SERVER_PORT": "443",
            "wsgi.input": BytesIO(body),
        }
    )


def _answer(request: WSGIRequest, who: Caller) -> HttpResponse:
    """Have the view answer that answers clients, with a caller who is known already."""
    found = resolve(request.path_info)
    view: Any = found.func.view_class  # type: ignore[attr-defined]  # as_view leaves it there
    answer: HttpResponse = view.as_view(known=who, logged=False)(request, **found.kwargs)
    return answer


def _resource(who: Caller, resource_id: UUID | None, *, is_group: bool) -> dict[str, Any]:
    if resource_id is None:
        return {}
    if is_group:
        group = queries.group(who, resource_id, members="ids")
        return resources.group(group, base_url()) if group else {}
    user = queries.user(who, resource_id)
    return resources.user(user, base_url()) if user else {}


def _named(response: HttpResponse) -> UUID | None:
    try:
        return UUID(response.headers.get("Location", "").rpartition("/")[2])
    except ValueError:
        return None


def _described(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in {"meta", "members", "schemas"}}


def _moved(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    were, are = ({each["value"] for each in group.get("members", ())} for group in (before, after))
    joined, left = sorted(are - were), sorted(were - are)
    return {
        "joined": joined[:MEMBERS_SHOWN_MAX],
        "left": left[:MEMBERS_SHOWN_MAX],
        "joined_count": len(joined),
        "left_count": len(left),
    }


def _record(row: LoggedRequest, actor: Actor, replay: Replay) -> None:
    is_refused = replay.status >= _REFUSED_FROM
    record(
        Event.SCIM_REPLAY,
        organization_id=row.organization_id,
        actor=actor,
        subject=Subject("request", str(row.pk), f"{row.method} {row.path}"),
        outcome="refused" if is_refused else "success",
        reason=f"status_{replay.status}" if is_refused else "",
        data={
            "directory": str(row.directory_id),
            "status": replay.status,
            "resource": str(row.resource_id or ""),
            "despite_later": bool(replay.later),
        },
    )
