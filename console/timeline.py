"""Everything that happened to one person, the latest first: what one request, sign-in or job did stands together under its cause."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.http import HttpResponse

from console import reading
from console.access import Visit
from console.answers import address, page
from console.members import find
from console.paging import PAGE_ROWS, cut, decode, is_uuid
from console.reading import Line
from identity.models import Directory, Invitation, Member, Session, Token
from saml.models import Attempt
from scim import logged
from scim.models import LoggedRequest

# Sessions, tokens and sign-ins whose entries are told: the latest so many of each.
_THINGS_MAX: Final = 500
_ICONS: Final = {
    "scim": "refresh",
    "saml": "login-2",
    "console": "pencil",
    "api": "plug",
    "job": "clock",
    "sync": "refresh",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """What one cause did. `link` leads to the request or sign-in, empty where there is none to see."""

    cause: str
    link: str
    icon: str
    at: datetime
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """The causes that can be shown: requests by (directory, request id), sign-ins by id, directories by id."""

    requests: dict[tuple[str, str], LoggedRequest]
    attempts: dict[str, Attempt]
    directories: dict[str, str]


def show(visit: Visit, member: UUID) -> HttpResponse:
    """Show one page of the person's timeline."""
    found = find(visit, member)
    after = (decode(visit.request.GET.get("after", ""), 1) or [""])[0]
    begun = is_uuid(after)
    read = reading.about(visit.organization.pk, _subjects(found), PAGE_ROWS + 1, after if begun else "")
    shown = cut(visit.request.GET, read, lambda line: (line.id,), begun=begun)
    values = {"member": found, "page": shown, "moments": moments(visit, shown.rows)}
    return page(visit, "timeline.html", values)


def moments(visit: Visit, lines: list[Line]) -> list[Moment]:
    """Put neighbouring entries of one request together under what caused them; each entry without a request stands alone."""
    known = _known(visit, lines)
    grouped: Iterable[tuple[str, Iterable[Line]]] = groupby(
        lines, key=lambda line: line.request_id or str(line.id)
    )
    return [_moment(visit, list(group), known) for _, group in grouped]


def _moment(visit: Visit, lines: list[Line], known: _Known) -> Moment:
    first = lines[-1]
    icon = _ICONS.get(first.source, "clock" if first.actor_kind == "job" else "history")
    attempt = next(
        (known.attempts[line.subject_id] for line in lines if line.subject_id in known.attempts), None
    )
    if attempt is not None:
        link = address(visit, "sign_in_attempt", attempt=attempt.pk) if visit.may("sign_in_attempt") else ""
        return Moment(f"Sign-in through {attempt.connection.name}", link, "login-2", first.happened_at, lines)
    request = known.requests.get((first.actor_id, first.request_id))
    if request is not None:
        ids = {"directory": request.directory_id, "logged_request": request.pk}
        link = address(visit, "request", **ids) if visit.may("request") else ""
        name = known.directories.get(first.actor_id, first.actor)
        return Moment(f"{name}: {request.method} {request.path}", link, "refresh", first.happened_at, lines)
    where = {"console": " in the console", "api": " by API", "scim": " by SCIM", "saml": " by SAML"}.get(
        first.source, ""
    )
    who = known.directories.get(first.actor_id, first.actor)
    return Moment(f"{who}{where}", "", icon, first.happened_at, lines)


def _subjects(member: Member) -> list[str]:
    """Return the ids under which the record speaks of the person: their own, and those of what was theirs."""
    mine = {"organization": member.organization_id, "member": member}
    theirs = Q(member=member) | Q(email_key=member.email_key or "-")
    ids: list[UUID] = [member.pk]
    for rows in (
        Session.objects.filter(**mine),
        Token.objects.filter(**mine),
        Attempt.objects.filter(**mine),
        Invitation.objects.filter(theirs, organization=member.organization_id),
    ):
        ids += rows.order_by("-pk").values_list("pk", flat=True)[:_THINGS_MAX]
    return [str(each) for each in ids]


def _known(visit: Visit, lines: list[Line]) -> _Known:
    actors = {
        UUID(line.actor_id) for line in lines if line.actor_kind == "directory" and is_uuid(line.actor_id)
    }
    request_ids = {line.request_id for line in lines if line.actor_kind == "directory" and line.request_id}
    requests = logged.changes_by(visit.organization.pk, request_ids).filter(directory__in=actors)
    attempts = Attempt.objects.filter(
        organization=visit.organization,
        pk__in=[line.subject_id for line in lines if line.subject_kind == "sign_in"],
    ).select_related("connection")
    directories = Directory.objects.filter(organization=visit.organization, pk__in=actors)
    return _Known(
        {(str(row.directory_id), row.request_id): row for row in requests.defer("exchange")},
        {str(row.pk): row for row in attempts},
        {str(pk): name for pk, name in directories.values_list("pk", "name")},
    )
