"""The sign-in log, read: filters, and downloads, each of which is itself an entry of the record."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from audit.events import Event
from audit.files import csv_file, jsonl_file
from audit.ids import earliest
from audit.json_text import instant
from audit.record import Actor
from identity import looking, tenancy
from identity.api.paging import page
from identity.downloads import begun
from identity.models import Organization
from saml.models import Attempt
from saml.presets import preset
from saml.refusals import CATALOGUE

PERSON_CHARACTERS_MAX: Final = 200
_PAGE: Final = 500
# Between reading the clock and making an id.
_SLACK: Final = timedelta(seconds=1)
_LATEST: Final = ("-started_at", "-id")
# Filters that name a part of something, or a time; every other one is a column's value.
_LOOSELY: Final = {"person", "since", "until"}
# When an attempt started, and its id.
Place = tuple[datetime, UUID]
COLUMNS: Final = (
    "id", "started_at", "finished_at", "purpose", "outcome", "code", "means", "advice", "where", "detail", "connection",
    "connection_name", "member", "user_name", "signed_by", "ip", "user_agent", "steps",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filter:
    """Which attempts; what is None or empty narrows nothing. `person` is a part of the user name, `until` comes after them."""

    outcome: str = ""
    code: str = ""
    purpose: str = ""
    connection: UUID | None = None
    member: UUID | None = None
    person: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def described(self) -> dict[str, str]:
        """Return what narrows, as the record keeps it."""
        return {name: str(value) for name, value in asdict(self).items() if value}


def rows(organization: Organization, wanted: Filter) -> QuerySet[Attempt]:
    """Return the attempts meant, in no order; the tenancy must be set when they are read."""
    exactly = {name: value for name, value in asdict(wanted).items() if value and name not in _LOOSELY}
    found = Attempt.objects.filter(organization=organization, **exactly).select_related("connection")
    if wanted.person:
        found = found.filter(user_name__icontains=wanted.person.strip())
    if wanted.since:
        # Both orders of the log begin there. An id may be later than its attempt, where a clock was set back meanwhile.
        found = found.filter(started_at__gte=wanted.since, pk__gte=earliest(wanted.since, apart=-_SLACK))
    if wanted.until:
        found = found.filter(started_at__lt=wanted.until)
    return found


def among(organization: Organization, wanted: Filter) -> QuerySet[Attempt] | None:
    """Return the attempts of which those meant are chosen one by one, in the order of their ids; None where an index leads to no others."""
    alone = Filter(member=wanted.member, since=wanted.since)
    return None if wanted == alone else rows(organization, alone)


def latest(
    organization: Organization, wanted: Filter, limit: int, before: Place | None = None
) -> tuple[list[Attempt], Place | None]:
    """Return a page of the attempts meant, the newest first, and the `before` of the next one, None on the last.

    A filter may leave a page short, or empty, with more to come: it goes through so many attempts at a time (identity.looking).
    """
    alone = Filter(outcome=wanted.outcome, since=wanted.since, until=wanted.until)
    end = None
    if wanted != alone:
        others = earlier(rows(organization, alone), before).order_by(*_LATEST)
        end = next(iter(others.values_list("started_at", "pk")[looking.ROWS - 1 : looking.ROWS]), None)
    found = earlier(rows(organization, wanted), before).order_by(*_LATEST)
    if end is not None:
        found = found.filter(started_at__gte=end[0]).exclude(started_at=end[0], pk__lt=end[1])
    read = list(found[: limit + 1])
    if len(read) > limit:
        return read[:limit], (read[limit - 1].started_at, read[limit - 1].pk)
    return read, end


def download(
    organization: Organization, form: str, wanted: Filter, *, actor: Actor, marked: bool = False
) -> Iterator[str]:
    """Record the download and return its text piece by piece; `form` is csv or jsonl. It ends with what had begun by now.

    Attributes received are not in it: they are sealed, and read one attempt at a time.
    """
    now = datetime.now(UTC)
    about = {"filters": wanted.described(), "upto": instant(now)}
    with tenancy.change(organization):
        finished = begun(
            organization, Event.SIGN_IN_DOWNLOAD, Event.SIGN_IN_DOWNLOAD_FINISH, form, about, actor=actor
        )
    lines = (shown(attempt) for attempt in _pages(organization, wanted, now))
    if form == "csv":
        return csv_file(COLUMNS, map(_cells, lines), finished=finished, marked=marked)
    return jsonl_file(lines, finished=finished)


def file_name(organization: Organization, form: str) -> str:
    """Return a name for the file, as acme-sign-ins-20270331T1800Z.csv."""
    return f"{organization.slug}-sign-ins-{datetime.now(UTC):%Y%m%dT%H%MZ}.{form}"


def shown(attempt: Attempt) -> dict[str, Any]:
    """Return the attempt as a downloaded file shows it."""
    advice = CATALOGUE.get(attempt.code)
    return {
        "id": str(attempt.pk),
        "started_at": instant(attempt.started_at),
        "finished_at": instant(attempt.finished_at) if attempt.finished_at else "",
        "purpose": attempt.purpose,
        "outcome": attempt.outcome,
        "code": attempt.code,
        "means": advice.means if advice else "",
        "advice": advice.fix if advice else "",
        "where": preset(attempt.connection.idp_preset).place(attempt.code),
        "detail": attempt.detail,
        "connection": str(attempt.connection_id),
        "connection_name": attempt.connection.name,
        "member": str(attempt.member_id) if attempt.member_id else None,
        "user_name": attempt.user_name,
        "signed_by": attempt.signed_by,
        "ip": attempt.ip,
        "user_agent": attempt.user_agent,
        "steps": attempt.steps,
    }


def _pages(organization: Organization, wanted: Filter, now: datetime) -> Iterator[Attempt]:
    """Read page by page in transactions of their own, when the pieces before have been taken."""
    others = among(organization, wanted)
    wanted = replace(wanted, until=min(wanted.until or now, now))
    following: str | None = ""
    while following is not None:
        with tenancy.of(organization):
            found, following = page(
                rows(organization, wanted),
                _PAGE,
                UUID(following) if following else None,
                among=others,
            )
        yield from found


def earlier(attempts: QuerySet[Attempt], place: Place | None) -> QuerySet[Attempt]:
    """Return those before a place in the log; one condition leads PostgreSQL there, the other parts those of the same moment."""
    if place is None:
        return attempts
    started_at, last = place
    return attempts.filter(started_at__lte=started_at).exclude(started_at=started_at, pk__gte=last)


def _cells(line: dict[str, Any]) -> list[str]:
    steps = " · ".join(step["step"] for step in line["steps"])
    cells = line | {"steps": steps, "member": line["member"] or ""}
    return [str(cells[column]) for column in COLUMNS]
