"""An organization at a glance: people, directories, sign-ins, what happened last."""

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any, Final

from django.http import HttpResponse
from django.utils import timezone

from audit.sign_ins import by_day
from console import bursts, directories, first_steps, members, reading
from console.access import Visit
from console.answers import page
from identity.models import Member
from saml.models import Connection

_DAYS: Final = 14
_ENTRIES: Final = 8
_LISTED: Final = 6
_CHART_HEIGHT: Final = 72


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the chart: numbers, and the bars' places in pixels of a drawing 72 high and 16 a day."""

    day: date
    succeeded: int
    refused: int
    x: int
    succeeded_y: int
    succeeded_height: int
    refused_y: int
    refused_height: int


def show(visit: Visit) -> HttpResponse:
    """Show what this visitor may see of the organization's state."""
    values: dict[str, Any] = {"steps": first_steps.of(visit)}
    if visit.may("members"):
        values["counts"] = members.states(visit)
        values["ending"] = list(
            Member.objects.filter(organization=visit.organization, ends_at__isnull=False).order_by("ends_at")[
                :5
            ]
        )
    if visit.may("directories"):
        values["directories"] = directories.observed(visit, directories.counted(visit)[:_LISTED])
        values["held"] = bursts.held(visit.organization)
        values["plans"] = directories.held_plans(visit)[:_LISTED]
    if visit.may("connections"):
        values["connections"] = list(
            Connection.objects.filter(organization=visit.organization).order_by("name")[:_LISTED]
        )
    if visit.may("record"):
        days = sign_ins(visit)
        values |= {
            "days": days,
            "succeeded": sum(day.succeeded for day in days),
            "refused": sum(day.refused for day in days),
            "entries": reading.latest(visit.organization.pk, {}, _ENTRIES).lines,
        }
    return page(visit, "overview.html", values)


def sign_ins(visit: Visit) -> list[Day]:
    """Return the sign-ins of the last 14 days (UTC) by day, the oldest first."""
    today = timezone.now().astimezone(UTC).date()
    first = today - timedelta(days=_DAYS - 1)
    found = by_day(visit.organization.pk, first)
    days = [first + timedelta(days=index) for index in range(_DAYS)]
    numbers = [(day, *found.get(day, (0, 0))) for day in days]
    highest = max(1, *(succeeded + refused for _, succeeded, refused in numbers))
    return [_day(index, highest, *number) for index, number in enumerate(numbers)]


def _day(index: int, highest: int, day: date, succeeded: int, refused: int) -> Day:
    good = _height(succeeded, highest)
    bad = _height(refused, highest)
    return Day(
        day, succeeded, refused, index * 16, _CHART_HEIGHT - good, good, _CHART_HEIGHT - good - bad, bad
    )


def _height(number: int, highest: int) -> int:
    """Scale to the drawing; what is there at all is at least two pixels high."""
    return max(2, round(number / highest * (_CHART_HEIGHT - 4))) if number else 0
