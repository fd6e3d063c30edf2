"""One run of a directory that is read: how far it is, what it plans, why it waits; approving it, or putting an end to it."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from console import directories, moves
from console.access import Visit
from console.answers import done, page
from console.paging import PAGE_ROWS, cut, decode
from console.words import RUN_ACTIONS
from identity import sync_runs
from identity.errors import Refusal
from identity.models import Directory, Run, Step


def one(visit: Visit, directory: UUID, run: UUID) -> HttpResponse:
    """Show a run with one page of its plan; `action` and `state` narrow the plan down."""
    return _page(visit, directories.find(visit, directory), _find(visit, directory, run))


def fragment(visit: Visit, directory: UUID, run: UUID) -> HttpResponse:
    """Answer with the run's progress alone, for the script that keeps it fresh."""
    found = _find(visit, directory, run)
    values = {
        "visit": visit,
        "organization": visit.organization,
        "run": found,
        "progress": sync_runs.progress(found),
    }
    return render(visit.request, "console/run_progress.html", values)


def approve(visit: Visit, directory: UUID, run: UUID) -> HttpResponse:
    """Apply exactly the plan that was shown."""
    found = _find(visit, directory, run)
    try:
        sync_runs.approve(found, visit.request.POST.get("plan_hash", ""), actor=visit.actor)
    except Refusal as refusal:
        return _page(visit, directories.find(visit, directory), found, refusal.message, status=409)
    return done(visit, "The plan is approved and is being applied.", "run", directory=directory, run=run)


def cancel(visit: Visit, directory: UUID, run: UUID) -> HttpResponse:
    """Put an end to a run; what it has applied stays."""
    found = _find(visit, directory, run)
    try:
        sync_runs.cancel(found, actor=visit.actor)
    except Refusal as refusal:
        return _page(visit, directories.find(visit, directory), found, refusal.message, status=409)
    return done(visit, "The run is cancelled.", "run", directory=directory, run=run)


def _find(visit: Visit, directory: UUID, run: UUID) -> Run:
    return get_object_or_404(Run, organization=visit.organization, directory=directory, pk=run)


def _page(
    visit: Visit, directory: Directory, run: Run, problem: str = "", *, status: int = 200
) -> HttpResponse:
    asked = visit.request.GET
    steps = Step.objects.filter(organization=visit.organization, run=run)
    if asked.get("action") in RUN_ACTIONS:
        steps = steps.filter(action=asked["action"])
    if asked.get("state") in Step.State.values:
        steps = steps.filter(state=asked["state"])
    after = (decode(asked.get("after", ""), 1) or [""])[0]
    begun = after.isdecimal()
    read = list((steps.filter(number__gt=int(after)) if begun else steps).order_by("number")[: PAGE_ROWS + 1])
    taken = [step.member_id for step in read if step.reason == "user_name_taken"]
    shown: dict[str, Any] = {
        "owners": moves.owners(directory, taken),
        "directory": directory,
        "pulled": True,
        "here": "directory",
        "run": run,
        "progress": sync_runs.progress(run),
        "problem": problem,
        "counts": [
            (name, RUN_ACTIONS.get(name, name), number)
            for name, number in sorted(run.counts.items())
            if isinstance(number, int)
        ],
        "action": asked.get("action", ""),
        "approvable": run.state == Run.State.HELD
        and (run.expires_at is None or run.expires_at > timezone.now()),
        "page": cut(asked, read, lambda step: (step.number,), begun=begun),
    }
    return page(visit, "run.html", shown, status=status)
