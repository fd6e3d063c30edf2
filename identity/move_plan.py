"""What a move of people between two directories comes to: who moves, under which id, who cannot and why. It writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

from identity import group_moves, links
from identity.errors import Invalid, Refusal, TooMany
from identity.handing_out import STRONGER, Holder, stronger_people
from identity.models import Directory, Group, Link, Member
from identity.profile import check_length

# In one call and transaction; who moves more goes on behind `Moves.next`.
PEOPLE_MAX: Final = 1000


class Groups(StrEnum):
    """What becomes of the former directory's groups: people stay in them, leave them, or (where everybody moves) the groups move too."""

    KEEP = "keep"
    LEAVE = "leave"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to move, by id with the external id of the new directory (None: it will meet them by name or address); None: everybody.

    `same_ids`: both directories have the same ids for people. `after`: go on behind this link, where everybody is too many for one call.
    """

    members: Mapping[UUID, str | None] | None = None
    same_ids: bool = False
    groups: Groups = Groups.KEEP
    after: UUID | None = None


@dataclass(frozen=True, slots=True)
class Mover:
    """Somebody who moves, from the id that the former directory had for them to the new one's (None: not known yet)."""

    member: Member
    former_id: str | None
    external_id: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why somebody cannot be moved: not_linked (not of this directory), stronger, external_id_taken, invalid."""

    member_id: UUID
    user_name: str
    code: str
    message: str


@dataclass(slots=True)
class Moves:
    """What a move comes to. `next` is where the following call goes on, None on the last one; groups move with the last."""

    people: list[Mover] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    staying_groups: list[Group] = field(default_factory=list)
    next: UUID | None = None

    @property
    def suspended(self) -> int:
        """Return how many of them are suspended, and stay so."""
        return sum(mover.member.state == Member.State.SUSPENDED for mover in self.people)


def check(source: Directory, target: Directory, wanted: Wanted) -> None:
    """Refuse what is no move. Raises Invalid, TooMany."""
    if source.pk == target.pk and (wanted.same_ids or wanted.groups != Groups.KEEP):
        message = "They stay in this directory: all that it can do is meet them anew, under other ids."
        raise Invalid(message, field="same_ids" if wanted.same_ids else "groups")
    if source.organization_id != target.organization_id:
        raise Invalid("There is no such directory.", field="to")
    if wanted.members is None:
        return
    if wanted.groups == Groups.MOVE:
        raise Invalid("Groups move where everybody moves: leave the list out, or the groups.", field="groups")
    if not wanted.members:
        raise Invalid("Name somebody.", field="members")
    if len(wanted.members) > PEOPLE_MAX:
        raise TooMany(f"At most {PEOPLE_MAX} people in one list; send several.", field="members")


def make(source: Directory, target: Directory, wanted: Wanted, holder: Holder | None, *, lock: bool) -> Moves:
    """Return what the move comes to; the tenancy must be set. `lock` locks the members, then the groups."""
    chosen, following = _links(source, wanted, lock=lock)
    found = Moves(next=following)
    if wanted.members is not None:
        found.problems += _not_linked(source, set(wanted.members) - {link.member_id for link in chosen})
    organization_id = source.organization_id
    stronger = (
        stronger_people(holder, organization_id, [link.member_id for link in chosen]) if holder else set()
    )
    asked = {link.member_id: _external_id(wanted, link) for link in chosen}
    taken = _taken(target, asked)
    for link in chosen:
        member, external_id = link.member, asked[link.member_id]
        try:
            if external_id is not None:
                check_length(external_id, "external_id", "An external id")
        except Refusal as refusal:
            found.problems.append(_problem(member, refusal.code, refusal.message))
            continue
        if member.pk in stronger:
            found.problems.append(_problem(member, "stronger", STRONGER))
        elif external_id in taken and taken[external_id] != member.pk:
            message = "Somebody else has this external id in that directory, or gets it by this very list."
            found.problems.append(_problem(member, "external_id_taken", message))
        else:
            found.people.append(Mover(member, link.external_id, external_id))
    if wanted.groups == Groups.MOVE and following is None:
        found.groups, found.staying_groups = group_moves.movable(source, target, lock=lock)
    return found


def _links(source: Directory, wanted: Wanted, *, lock: bool) -> tuple[list[Link], UUID | None]:
    """Return the live links with their members, and where the next call goes on."""
    live = links.of_directory(source)
    if wanted.members is not None:
        live = live.filter(member__in=list(wanted.members))
    elif wanted.after is not None:
        live = live.filter(pk__gt=wanted.after)
    chosen = list(live.order_by("pk").values_list("pk", "member_id")[: PEOPLE_MAX + 1])
    following = chosen[PEOPLE_MAX - 1][0] if len(chosen) > PEOPLE_MAX else None
    chosen = chosen[:PEOPLE_MAX]
    if lock:
        # People before groups, and by their ids, as every batch locks them. FOR NO KEY UPDATE: somebody who has locked a group may be
        # adding these people to it right now, and must not wait for us.
        rows = Member.objects.select_for_update(no_key=True).filter(
            organization=source.organization_id, pk__in=[member_id for _, member_id in chosen]
        )
        list(rows.order_by("pk").values_list("pk"))
    # Read behind the lock: whoever was moved or unlinked meanwhile is of this directory no longer.
    again = live.filter(pk__in=[pk for pk, _ in chosen]).select_related("member")
    return list(again.order_by("pk")), following


def _not_linked(source: Directory, strangers: set[UUID]) -> list[Problem]:
    rows = Member.objects.filter(organization=source.organization_id, pk__in=strangers)
    names = dict(rows.values_list("pk", "user_name"))
    return [
        Problem(
            member_id, names.get(member_id, ""), "not_linked",
            f"{source.name} does not have this member." if member_id in names else "There is no such member.",
        )
        for member_id in sorted(strangers)
    ]  # fmt: skip


def _external_id(wanted: Wanted, link: Link) -> str | None:
    given = wanted.members.get(link.member_id) if wanted.members is not None else None
    return given or (link.external_id if wanted.same_ids else None)


def _taken(target: Directory, asked: Mapping[UUID, str | None]) -> dict[str | None, UUID | None]:
    """Return whose the external ids are in the target already: None for one that stands in the list twice."""
    taken: dict[str | None, UUID | None] = {}
    for member_id, external_id in asked.items():
        if external_id is not None:
            taken[external_id] = None if external_id in taken else member_id
    here = links.of_directory(target).filter(external_id__in=list(taken))
    for external_id, member_id in here.values_list("external_id", "member_id"):
        taken[external_id] = member_id if taken[external_id] == member_id else None
    return taken


def _problem(member: Member, code: str, message: str) -> Problem:
    return Problem(member.pk, member.user_name, code, message)
