"""People who left through a directory at once and are held: who, since when, and the decision."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from console.access import Visit
from console.answers import done, page
from console.directories import find as directory_of
from console.paging import PAGE_ROWS, cut, decode, is_uuid, shorten
from identity.errors import Conflict
from identity.models import Organization
from scim import bursts
from scim.models import Burst, Departure

_DECISIONS: Final = {"confirm": Burst.Decision.CONFIRM, "roll_back": Burst.Decision.ROLL_BACK}
_LISTED_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Held:
    """One burst that waits for a decision, as banners tell of it."""

    burst: Burst
    count: int


def held(organization: Organization, directory: UUID | None = None) -> list[Held]:
    """Return what is held in the organization, or of one directory, the oldest first; the tenancy must be set."""
    rows = bursts.held_anywhere().filter(organization=organization)
    if directory is not None:
        rows = rows.filter(directory=directory)
    return [Held(burst, sum(bursts.summary(burst).values())) for burst in rows[:_LISTED_MAX]]


def index(visit: Visit, directory: UUID) -> HttpResponse:
    """List the bursts of a directory: those that wait first, then the decided ones."""
    found = directory_of(visit, directory)
    rows = Burst.objects.filter(organization=visit.organization, directory=found).order_by("-opened_at")
    decided = shorten(rows.exclude(decision=""), _LISTED_MAX)
    values = {
        "directory": found,
        "waiting": held(visit.organization, found.pk),
        "decided": [(row, sum(bursts.summary(row).values())) for row in decided],
        "part": decided,
        "here": "bursts",
    }
    return page(visit, "bursts.html", values)


def one(visit: Visit, directory: UUID, burst: UUID) -> HttpResponse:
    """Show one burst: its people, and what either decision would do."""
    return _page(visit, _find(visit, directory, burst))


def decide(visit: Visit, directory: UUID, burst: UUID) -> HttpResponse:
    """Confirm what the directory did, or take it back."""
    found = _find(visit, directory, burst)
    decision = _DECISIONS.get(visit.request.POST.get("decision", ""))
    if decision is None:
        return _page(visit, found, "Choose one of the two.", status=400)
    try:
        decided = bursts.decide(found, decision, actor=visit.actor)
    except Conflict as refusal:
        return _page(visit, found, refusal.message, status=409)
    said = "confirmed: whoever left stays out" if decision == Burst.Decision.CONFIRM else "rolled back"
    rest = "" if decided.done_at else " The rest follows within minutes."
    return done(visit, f"This is {said}.{rest}", "burst", directory=directory, burst=burst)


def _find(visit: Visit, directory: UUID, burst: UUID) -> Burst:
    return get_object_or_404(
        Burst.objects.select_related("directory"),
        organization=visit.organization,
        directory=directory,
        pk=burst,
    )


def _page(visit: Visit, burst: Burst, problem: str = "", *, status: int = 200) -> HttpResponse:
    rows = Departure.objects.filter(organization=visit.organization, burst=burst).select_related(
        "member", "group"
    )
    after = (decode(visit.request.GET.get("after", ""), 1) or [""])[0]
    begun = is_uuid(after)
    read = list((rows.filter(pk__gt=after) if begun else rows).order_by("pk")[: PAGE_ROWS + 1])
    values = {
        "directory": directory_of(visit, burst.directory_id),
        "burst": burst,
        "problem": problem,
        "people": rows.count(),
        "outcomes": _outcomes(burst),
        "page": cut(visit.request.GET, read, lambda row: (row.pk,), begun=begun),
        "here": "bursts",
    }
    if not burst.decision:
        values |= {
            "confirm": bursts.preview(burst, Burst.Decision.CONFIRM),
            "roll_back": bursts.preview(burst, Burst.Decision.ROLL_BACK),
        }
    return page(visit, "burst.html", values, status=status)


def _outcomes(burst: Burst) -> dict[str, int]:
    """Count what became of the people of a decided burst."""
    rows = Departure.objects.filter(organization=burst.organization_id, burst=burst)
    counted: dict[str, int] = {}
    for outcome, number in rows.values_list("outcome").annotate(Count("pk")).order_by("outcome"):
        name = "left as they are" if outcome.startswith("skipped") else outcome or "still to come"
        counted[name] = counted.get(name, 0) + number
    return counted
