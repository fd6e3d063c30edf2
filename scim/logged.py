"""Reads the request log: the requests that somebody looks for, one in full, and the entries of the record that it led to."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.ids import earliest
from audit.models import Detail, Entry
from identity import looking
from identity.models import Directory
from scim import exchange, log_rows
from scim.errors import Code
from scim.exchange import Exchange
from scim.models import LoggedRequest

ENTRIES_MAX: Final = 500
# Clocks of one process, read one after the other.
_SLACK: Final = timedelta(seconds=1)
_REFUSED_FROM: Final = 400
# Of each directory so many are looked at to say how it gets on, and none from longer ago.
LATEST: Final = 100
LATELY: Final = timedelta(days=1)
# To ask for somebody who is not here is no mistake.
_REFUSED_LATELY: Final = f"""
SELECT asked.id, count(*) FILTER (WHERE latest.status >= {_REFUSED_FROM} AND latest.code <> '{Code.NOT_FOUND.value}'), count(*)
  FROM unnest(%(directories)s::uuid[]) AS asked (id), LATERAL (
    SELECT status, code FROM scim_loggedrequest
     WHERE organization_id = %(organization)s AND directory_id = asked.id AND id >= %(first)s
     ORDER BY id DESC LIMIT {LATEST}) AS latest
 GROUP BY asked.id
"""  # noqa: S608 - built from constants
# A request's id is made when it is logged, by the clock of its machine.
CLOCKS_APART: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests. `status_class` is 2 to 5; `outcome` success or refused; `path` and `code` as they are kept, the path in part.

    `notice` is the code of a warning that it must carry.
    """

    status_class: int | None = None
    method: str = ""
    path: str = ""
    outcome: str = ""
    code: str = ""
    since: datetime | None = None
    until: datetime | None = None
    warnings: bool | None = None
    resource_id: UUID | None = None
    notice: str = ""


def page(
    directory: Directory, wanted: Wanted, limit: int, after: UUID | None = None
) -> tuple[list[LoggedRequest], UUID | None]:
    """Return one page of them without what was sent, and the `after` of the next one, None on the last.

    A filter goes through so many requests at a time (identity.looking): a page may be short, or empty, and have a next one.
    """
    if after is None:
        log_rows.await_reads()
    every = LoggedRequest.objects.filter(organization=directory.organization_id, directory=directory)
    if wanted.resource_id:
        every = every.filter(resource_id=wanted.resource_id)
    if wanted.since:
        every = every.filter(pk__gte=earliest(wanted.since, apart=-CLOCKS_APART))
    if wanted.until:
        every = every.filter(pk__lt=earliest(wanted.until, apart=CLOCKS_APART))
    if after is not None:
        every = every.filter(pk__lt=after)
    end = looking.edge(every.order_by("-pk")) if wanted != Wanted() else None
    rows = _chosen(every if end is None else every.filter(pk__gte=end), wanted).defer("exchange")
    found = list(rows[: limit + 1])
    return found[:limit], found[limit - 1].pk if len(found) > limit else end


def refused_lately(organization_id: UUID, directories: Collection[Directory]) -> dict[UUID, tuple[int, int]]:
    """Return {directory: (refused, of how many)} of their latest requests within a day, for those that had any refused.

    The tenancy must be set.
    """
    values: dict[str, Any] = {
        "organization": organization_id,
        "directories": [each.pk for each in directories],
        "first": earliest(timezone.now() - LATELY, apart=timedelta(0)),
    }
    with connection.cursor() as cursor:
        cursor.execute(_REFUSED_LATELY, values)
        return {directory: (refused, of) for directory, refused, of in cursor if refused}


def opened(row: LoggedRequest) -> Exchange:
    """Return what was sent and answered. Raises UnsealError once the organization's key is destroyed."""
    return exchange.unseal(row.organization_id, row.pk, bytes(row.exchange))


def changes_by(
    organization_id: UUID, request_ids: Collection[str] | QuerySet[Entry, Any]
) -> QuerySet[LoggedRequest]:
    """Return the requests that may have left entries under these request ids: any that does not only read."""
    return LoggedRequest.objects.filter(organization=organization_id, request_id__in=request_ids).exclude(
        method="GET"
    )


def entries_of(row: LoggedRequest) -> list[dict[str, Any]]:
    """Return the entries that the request left in the record; the tenancy must be set.

    A client may send its own request id, and send it twice: the time narrows it down.
    """
    ended_at = row.happened_at + timedelta(microseconds=row.duration_us)
    found = Entry.objects.filter(
        organization_id=row.organization_id,
        request_id=row.request_id,
        actor_id=str(row.directory_id),
        happened_at__gte=row.happened_at - _SLACK,
        happened_at__lte=ended_at + _SLACK,
    )
    return shown(found)


def shown(entries: QuerySet[Entry]) -> list[dict[str, Any]]:
    """Return entries in their order, in short: id, event, outcome, subject and changes."""
    rows = list(entries.order_by("id")[:ENTRIES_MAX])
    details = {each.pk: each.body for each in Detail.objects.filter(entry_id__in=[row.pk for row in rows])}
    return [
        {
            "id": str(row.pk),
            "event": row.event,
            "outcome": row.outcome,
            "reason": row.reason,
            "actor": {"kind": row.actor_kind, "id": row.actor_id},
            "subject": {
                "kind": row.subject_kind,
                "id": row.subject_id,
                "label": details.get(row.pk, {}).get("subject", ""),
            },
            "changes": details.get(row.pk, {}).get("changes", {}),
            "happened_at": row.happened_at,
        }
        for row in rows
    ]


def _chosen(rows: QuerySet[LoggedRequest], wanted: Wanted) -> QuerySet[LoggedRequest]:
    if wanted.status_class:
        rows = rows.filter(status__gte=wanted.status_class * 100, status__lt=wanted.status_class * 100 + 100)
    if wanted.outcome:
        is_refused = Q(status__gte=_REFUSED_FROM)
        rows = rows.filter(is_refused if wanted.outcome == "refused" else ~is_refused)
    if wanted.warnings is not None:
        rows = rows.exclude(warnings=[]) if wanted.warnings else rows.filter(warnings=[])
    if wanted.notice:
        rows = rows.filter(warnings__contains=[{"code": wanted.notice}])
    exact = {"method": wanted.method.upper(), "code": wanted.code}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if wanted.path:
        rows = rows.filter(path__icontains=wanted.path)
    if wanted.since:
        rows = rows.filter(happened_at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(happened_at__lt=wanted.until)
    return rows.order_by("-pk")
