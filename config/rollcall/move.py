"""`manage.py rollcall move`: people from one directory to another; it shows what would happen, and with --yes it does it."""

from argparse import ArgumentParser
from typing import Any, Final
from uuid import UUID

from django.core.management.base import OutputWrapper

from audit.record import Actor
from config.rollcall import NOT_DONE, named
from identity import move_names, moves, tenancy
from identity.errors import Invalid, NotFound
from identity.models import Directory, Organization
from identity.move_plan import Groups, Moves, Wanted

HELP = "Show what moving people from one directory to another would do, and with --yes move them."
_NAMED: Final = 20


def add_arguments(parser: ArgumentParser) -> None:
    """Take the organization, both directories, and who moves."""
    parser.add_argument("organization", help="slug or id")
    parser.add_argument("source", help="the directory that has them: its name or id")
    parser.add_argument("target", help="the one that shall have them")
    parser.add_argument("names", nargs="*", help="user names, addresses or ids")
    parser.add_argument(
        "--file", help="a list or CSV of them (column user_name or email); - for standard input"
    )
    parser.add_argument("--everybody", action="store_true", help="all people of the directory")
    parser.add_argument(
        "--same-ids", action="store_true", help="both directories have the same ids for people"
    )
    parser.add_argument("--groups", choices=[word.value for word in Groups], default=Groups.KEEP.value)
    parser.add_argument("--yes", action="store_true", help="do it")


def run(out: OutputWrapper, actor: Actor, **options: Any) -> int:
    """Print what would happen, and do it if told to. Answers 0 if all were moved, 1 if some cannot be, 2 if only shown."""
    organization = named.organization(options["organization"])
    source, target = (_directory(organization, options[name], name) for name in ("source", "target"))
    in_file = named.names(options["file"]) if options["file"] else []
    names = list(dict.fromkeys([*options["names"], *in_file]))
    if bool(names) == options["everybody"]:
        raise Invalid("Name somebody, give a --file, or say --everybody.", field="names")
    found = move_names.find(source, names)
    for name in (*found.unknown, *found.ambiguous):
        out.write(f"{name}: {'unknown' if name in found.unknown else 'ambiguous'} in {source.name}")
    if found.unknown or found.ambiguous:
        out.write("Nobody is moved: correct the names at fault.")
        return 1
    members = None if options["everybody"] else dict.fromkeys(found.members)
    after: UUID | None = None
    people = problems = 0
    while True:
        wanted = Wanted(members, options["same_ids"], Groups(options["groups"]), after)
        part = (
            moves.move(source, target, wanted, actor=actor)
            if options["yes"]
            else moves.preview(source, target, wanted)
        )
        _tell(out, part, first=after is None)
        people, problems, after = people + len(part.people), problems + len(part.problems), part.next
        if after is None:
            break
    if not options["yes"]:
        out.write(f"{people} would move to {target.name}. Nothing has happened; add --yes to do it.")
        return NOT_DONE
    out.write(f"{people} moved to {target.name}.")
    return 1 if problems else 0


def _directory(organization: Organization, text: str, field: str) -> Directory:
    try:
        wanted = {"pk": UUID(text)}
    except ValueError:
        wanted = {"name": text}  # type: ignore[dict-item]  # either column
    with tenancy.of(organization):
        found = Directory.objects.filter(organization=organization, **wanted).first()
    if found is None:
        raise NotFound(f"There is no directory {text} in {organization.name}.", field=field)
    return found


def _tell(out: OutputWrapper, found: Moves, *, first: bool) -> None:
    if first:
        for mover in found.people[:_NAMED]:
            met = mover.external_id or "to be met by user name or address"
            out.write(f"  {mover.member.user_name} ({mover.member.state}): {met}")
        if len(found.people) > _NAMED:
            out.write("  and more")
    for problem in found.problems:
        out.write(f"  {problem.user_name or problem.member_id} stays: {problem.message}")
    for group in found.groups:
        out.write(f"  the group {group.display_name} moves too")
    for group in found.staying_groups:
        out.write(f"  the group {group.display_name} stays: the other directory has one of this name")
