"""`manage.py rollcall delete ORGANIZATION`: schedule the deletion of an organization, take it back, or have its proof."""

import contextlib
import json
from argparse import ArgumentParser
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import OutputWrapper
from django.utils.dateparse import parse_datetime

from audit.record import Actor
from config.rollcall import NOT_DONE, named
from identity import deletions, tenancy
from identity.errors import Invalid, NotFound
from identity.models import Deletion

HELP = "Schedule the deletion of a suspended organization, cancel it (--cancel), or print the proof of one that is done (--proof)."


def add_arguments(parser: ArgumentParser) -> None:
    """Take the organization and what is to happen."""
    parser.add_argument("organization", help="slug or id")
    acts = parser.add_mutually_exclusive_group()
    acts.add_argument("--confirm", default="", help="the organization's name: schedule its deletion")
    acts.add_argument("--cancel", action="store_true", help="take a scheduled deletion back")
    acts.add_argument("--proof", action="store_true", help="print the proof of the deletion as JSON")
    parser.add_argument("--after", default="", help="not before this time, as 2027-03-31T18:00:00Z")
    parser.add_argument("--reason", default="", help="goes into the customer's record, and with it")


def run(out: OutputWrapper, actor: Actor, *, organization: str, **options: Any) -> int:
    """Do it. Answers 0 if done, 2 if it only said what stands."""
    if options["proof"]:
        out.write(json.dumps(_proof(organization), ensure_ascii=False, indent=1))
        return 0
    found = named.organization(organization)
    if options["cancel"]:
        deletions.cancel(found, actor=actor)
        out.write(f"{found.name} will not be deleted. It stays suspended until somebody resumes it.")
        return 0
    if not options["confirm"]:
        with tenancy.of(found):
            pending = deletions.pending(found.pk)
        out.write(f"{found.name}: {pending.state}, not before {pending.delete_after:%Y-%m-%d %H:%M} UTC.")
        return NOT_DONE
    made = deletions.schedule(
        found,
        confirm=options["confirm"],
        actor=actor,
        delete_after=_moment(options["after"]),
        reason=options["reason"],
    )
    out.write(f"{found.name} will be deleted, not before {made.delete_after:%Y-%m-%d %H:%M} UTC.")
    out.write(f"Until then `manage.py rollcall delete {found.slug} --cancel` takes it back.")
    return 0


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid("A time has its zone, as 2027-03-31T18:00:00Z.", field="after")
    return moment


def _proof(of: str) -> dict[str, Any]:
    """Return the newest proof of what bore this slug or id."""
    wanted: dict[str, Any] = {"slug": of}
    with contextlib.suppress(ValueError):
        wanted = {"organization_id": UUID(of)}
    with tenancy.everywhere("an operator asks for a proof"):
        done = Deletion.objects.filter(state=Deletion.State.DONE)
        found = done.filter(**wanted).order_by("-ended_at").first()
    if found is None or found.proof is None:
        raise NotFound("No organization of this slug or id was deleted here.")
    return dict(found.proof)
