"""`manage.py rollcall offboard`: people by name, list or CSV; it shows what would end, and with --yes it ends it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import OutputWrapper

from audit.record import Actor
from config.rollcall import NOT_DONE, named
from identity import leaving
from identity.errors import Invalid
from identity.leaving import Leaver

HELP = "Show what offboarding these people would end, and with --yes offboard them, all or none."


def add_arguments(parser: ArgumentParser) -> None:
    """Take the organization, who leaves, and how."""
    parser.add_argument("organization", help="slug or id")
    parser.add_argument("names", nargs="*", help="user names, addresses or ids")
    parser.add_argument(
        "--file", help="a list or CSV of them (column user_name or email); - for standard input"
    )
    parser.add_argument(
        "--at", default="", help="when, as 2027-03-31T18:00 in the organization's time zone; now if left out"
    )
    parser.add_argument(
        "--hand-over-to", default="", help="who takes over their service tokens; else those end too"
    )
    parser.add_argument("--reason", default="", help="goes into the record")
    parser.add_argument(
        "--despite-last-administrator",
        action="store_true",
        help="leave the organization without an administrator",
    )
    parser.add_argument("--yes", action="store_true", help="do it")


def run(out: OutputWrapper, actor: Actor, **options: Any) -> int:
    """Print the preview and do it if told to. Answers 0 if done or nothing is to do, 1 if a name is at fault, 2 if only shown."""
    organization = named.organization(options["organization"])
    names = [*options["names"], *(named.names(options["file"]) if options["file"] else [])]
    if not names:
        raise Invalid("Name somebody, or give a --file.", field="names")
    leavers = leaving.preview(organization, list(dict.fromkeys(names)))
    for leaver in leavers:
        out.write(_line(leaver))
    if any(leaver.problem in {"unknown", "ambiguous"} for leaver in leavers):
        out.write("Nobody is offboarded: correct the names at fault.")
        return 1
    going = {leaver.member.pk for leaver in leavers if leaver.member and not leaver.problem}
    if not going:
        out.write("Nothing to do.")
        return 0
    at = leaving.moment(organization, options["at"]) if options["at"] else None
    heir = (
        named.member(organization, options["hand_over_to"], field="hand_over_to").pk
        if options["hand_over_to"]
        else None
    )
    if not options["yes"]:
        out.write(f"{len(going)} would be offboarded. Nothing has happened; add --yes to do it.")
        return NOT_DONE
    left = leaving.offboard(
        organization,
        list(going),
        actor=actor,
        reason=options["reason"],
        hand_over_to=heir,
        at=at,
        despite_last_administrator=options["despite_last_administrator"],
    )
    for one in left:
        out.write(
            f"{one.member.user_name}: {f'receipt {one.receipt.digest}' if one.receipt else f'leaves at {one.ends_at}'}"
        )
    return 0


def _line(leaver: Leaver) -> str:
    if leaver.problem:
        return f"{leaver.named}: {leaver.problem}"
    ends = ", ".join(f"{number} {what}" for what, number in leaver.ends.items() if number) or "nothing"
    warning = " (the last administrator!)" if leaver.last_administrator else ""
    return f"{leaver.named}: ends {ends}{warning}"
