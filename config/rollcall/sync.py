"""`manage.py rollcall sync`: have a directory read, follow it with a progress bar, and say what happened and what waits."""

import time
from argparse import ArgumentParser
from typing import Any, Final
from uuid import UUID

from django.core.management.base import OutputWrapper

from audit.record import Actor
from config.rollcall import NOT_DONE, passing
from identity import sync_runs, tenancy
from identity.errors import Invalid, NotFound
from identity.models import Directory, Run, Step
from tasks.sync import work

HELP = (
    "Have a directory read now; this process does the work itself, or with --watch looks on while workers do."
)
_WIDTH: Final = 30
_LOOK_SECONDS: Final = 0.5
_NAMED: Final = 20
_OVER_WELL: Final = {Run.State.DONE, Run.State.PREVIEWED}


def add_arguments(parser: ArgumentParser) -> None:
    """Take the directory and how."""
    parser.add_argument("directory", help="its id, or its name where only one directory has it")
    parser.add_argument("--dry-run", action="store_true", help="only show what would happen")
    parser.add_argument("--watch", action="store_true", help="leave the work to the workers, and look on")


def run(out: OutputWrapper, actor: Actor, **options: Any) -> int:
    """Read the directory and report. Answers 0 if done or only looked at, 2 if the plan waits for approval, 1 if it failed."""
    directory = _named(options["directory"])
    made = sync_runs.ask(directory, actor=actor, dry_run=options["dry_run"])
    while made.is_open:
        if options["watch"]:
            time.sleep(_LOOK_SECONDS)
        elif not work.turn(made.organization_id, made.pk, seconds=_LOOK_SECONDS):
            made = _fresh(made)
            if made.is_open and made.lease is None and made.fault:
                out.write(f"\n{made.fault_sentence} A worker goes on with it later: the run is {made.pk}.")
                return 1
            time.sleep(_LOOK_SECONDS if made.is_open else 0)
        made = _fresh(made)
        passing.tell(out, _bar(made))
    out.write(_bar(made))
    _report(out, made)
    if made.state == Run.State.HELD:
        return NOT_DONE
    return 0 if made.state in _OVER_WELL else 1


def _named(text: str) -> Directory:
    try:
        wanted = {"pk": UUID(text)}
    except ValueError:
        wanted = {"name": text}  # type: ignore[dict-item]  # either column
    with tenancy.everywhere("an operator names a directory"):
        found = list(Directory.objects.filter(**wanted).exclude(kind="scim")[:2])
    if not found:
        raise NotFound("There is no such directory that is pulled.", field="directory")
    if len(found) > 1:
        raise Invalid("Several organizations have a directory of this name: give its id.", field="directory")
    return found[0]


def _fresh(made: Run) -> Run:
    with tenancy.of(made.organization_id):
        return Run.objects.select_related("directory").get(pk=made.pk)


def _bar(made: Run) -> str:
    now = sync_runs.progress(made)
    done, of = int(now["done"] or 0), now["of"]
    rate = f", {now['per_second']:g} a second" if now["per_second"] else ""
    if not of:
        return f"{made.state}: {done} read{rate}"
    full = _WIDTH if made.state == Run.State.DONE else min(_WIDTH, int(_WIDTH * done / of))
    left = f", {now['seconds_left']} s left" if now["seconds_left"] else ""
    return f"{made.state} [{'#' * full}{'.' * (_WIDTH - full)}] {done}/{int(of)}{rate}{left}"


def _report(out: OutputWrapper, made: Run) -> None:
    counted = [f"{number} {action}" for action, number in made.counts.items() if isinstance(number, int)]
    out.write(f"Run {made.pk}: {made.state}; the plan: {', '.join(counted) or 'nothing to do'}.")
    for lack in made.lacks:
        out.write(f"Nobody counted as absent: {lack['sentence']}")
    for reason in made.held_for:
        out.write(f"Held: {reason['sentence']}")
    if made.fault_sentence and made.state == Run.State.FAILED:
        out.write(made.fault_sentence)
    shown = (Step.State.SKIPPED,) if made.state == Run.State.DONE else tuple(Step.State.values)
    with tenancy.of(made.organization_id):
        steps = Step.objects.filter(organization=made.organization_id, run=made, state__in=shown)
        for step in steps.order_by("number")[:_NAMED]:
            why = f" ({step.reason})" if step.reason else ""
            out.write(f"  {step.action} {step.label}{why}: {step.state}")
        more = steps.count() - _NAMED
    if more > 0:
        out.write(f"  and {more} more: see the plan over the API.")
    if made.state == Run.State.HELD:
        told = f" {', '.join(made.told)} were told." if made.told else ""
        out.write(
            f"Nothing that is held happens until an administrator approves plan {made.plan_hash}.{told}"
        )
