"""What a list of people comes to: who is brought in, who is changed and how. It reads a handful of times and writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q
from django.utils import timezone

from identity import member_row
from identity.errors import EmailTaken, Forbidden, Invalid, Refusal, TooMany, UnknownRole, UserNameTaken
from identity.handing_out import STRONGER, Holder, stronger_people
from identity.models import Member, Organization, Role, RoleAssignment
from identity.plans import Plan, Problem, Step
from identity.profile import check_user_name, key_of, with_short_forms

LINES_MAX: Final = 2000
_EMAIL_LENGTH_MAX: Final = 254
_DISPLAY_NAME_LENGTH_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Person:
    """One line. None leaves what is there (a newcomer gets the organization's defaults); an empty tuple of roles means none."""

    line: int
    user_name: str
    email: str | None = None
    display_name: str | None = None
    roles: tuple[str, ...] | None = None


@dataclass(slots=True)
class Work:
    """The rows behind a plan's steps: members not yet written, members with what differs, and roles to end, confirm and give."""

    newcomers: list[tuple[Person, Member, dict[str, Any]]] = field(default_factory=list)
    changed: list[tuple[Member, dict[str, Any]]] = field(default_factory=list)
    ended: list[RoleAssignment] = field(default_factory=list)
    confirmed: list[RoleAssignment] = field(default_factory=list)
    given: list[tuple[Member, Role]] = field(default_factory=list)


def make(
    organization: Organization,
    people: Sequence[Person],
    *,
    lock: bool,
    newcomers_only: bool = False,
    holder: Holder | None = None,
) -> tuple[Plan, Work]:
    """Return the list's plan and the work behind it; the tenancy must be set. `lock` locks the members. Raises TooMany.

    `holder` is the person who acts: whoever may do more than they keeps their address.
    """
    if len(people) > LINES_MAX:
        raise TooMany(f"At most {LINES_MAX} people in one list; send several.")
    reading = _Reading.of(organization, people, holder, lock=lock)
    steps: list[Step] = []
    problems: list[Problem] = []
    for person in people:
        try:
            member = reading.check(person)
            if member is not None and newcomers_only:
                raise UserNameTaken("Another member already has this user name.", field="user_name")
            steps.append(reading.newcomer(person) if member is None else reading.change(person, member))
        except Refusal as refusal:
            problems.append(Problem(person.line, refusal.code, refusal.message, refusal.field))
    return Plan(tuple(steps), tuple(problems)), reading.work


@dataclass(slots=True)
class _Reading:
    """What the database says about the names in the list."""

    organization: Organization
    here: dict[str, Member]
    roles: dict[str, Role]
    held: dict[UUID, dict[str, RoleAssignment]]
    addresses: dict[str, UUID | None]
    # Whose address is not the holder's to change.
    stronger: set[UUID]
    seen: set[str] = field(default_factory=set)
    work: Work = field(default_factory=Work)

    @classmethod
    def of(
        cls, organization: Organization, people: Sequence[Person], holder: Holder | None, *, lock: bool
    ) -> "_Reading":
        # Settings of the organization may have changed since the caller read it.
        organization = Organization.objects.get(pk=organization.pk)
        mine = Q(organization=organization)
        rows = Member.objects.select_for_update(no_key=True) if lock else Member.objects.all()
        present = rows.filter(mine).exclude(state=Member.State.OFFBOARDED)
        keys = [key_of(person.user_name) for person in people]
        # In one order, so that two lists at once don't wait for each other.
        here = {
            member.user_name_key: member for member in present.filter(user_name_key__in=keys).order_by("pk")
        }
        held: dict[UUID, dict[str, RoleAssignment]] = {}
        for assignment in RoleAssignment.objects.filter(
            mine, member__in=here.values(), ended_at__isnull=True
        ).select_related("role", "member"):
            held.setdefault(assignment.member_id, {})[assignment.role.name] = assignment
        named = {name for person in people for name in person.roles or ()}
        roles = {role.name: role for role in Role.objects.filter(mine, name__in=named)}
        emails = (
            [key_of(person.email) for person in people if person.email] if organization.email_unique else []
        )
        claims = Member.objects.filter(mine, email_claim__in=emails).exclude(state=Member.State.OFFBOARDED)
        addresses: dict[str, UUID | None] = {}
        for claim, member_id in claims.values_list("email_claim", "pk"):
            addresses[str(claim)] = member_id
        readdressed = [
            member.pk
            for member, person in ((here.get(key_of(person.user_name)), person) for person in people)
            if member is not None and person.email and key_of(person.email) != member.email_key
        ]
        stronger = stronger_people(holder, organization.pk, readdressed) if holder and readdressed else set()
        return cls(organization, here, roles, held, addresses, stronger)

    def check(self, person: Person) -> Member | None:
        """Return the member whom the line names, None for a newcomer. Raises Invalid, UnknownRole, EmailTaken, Forbidden."""
        key = key_of(check_user_name(person.user_name))
        if key in self.seen:
            raise Invalid("This user name stands in the list twice.", field="user_name")
        self.seen.add(key)
        if person.display_name is not None and len(person.display_name) > _DISPLAY_NAME_LENGTH_MAX:
            raise Invalid(
                f"A display name has at most {_DISPLAY_NAME_LENGTH_MAX} characters.", field="display_name"
            )
        missing = [name for name in person.roles or () if name not in self.roles]
        if missing:
            raise UnknownRole(f"The organization has no role {missing[0]}.", field="roles")
        member = self.here.get(key)
        if person.email is not None:
            self._check_email(person.email, member)
            if member is not None and member.pk in self.stronger:
                raise Forbidden(STRONGER, field="email")
        return member

    def newcomer(self, person: Person) -> Step:
        """Make the member whom the line brings in, unwritten."""
        made = member_row.made(self.organization, timezone.now(), active=True)
        profile = with_short_forms({}, email=person.email, display_name=person.display_name)
        changes = member_row.assign(
            made, person.user_name, profile, email_unique=self.organization.email_unique
        )
        self.work.newcomers.append((person, made, changes))
        self.work.given += [(made, self.roles[name]) for name in dict.fromkeys(person.roles or ())]
        shown = changes if person.roles is None else changes | {"roles": [None, sorted(set(person.roles))]}
        return Step(person.line, made.user_name, "create", None, 0, shown)

    def change(self, person: Person, member: Member) -> Step:
        """Work out what the line changes about a member."""
        profile = with_short_forms(member.profile, email=person.email, display_name=person.display_name)
        version = member.version
        changes = member_row.assign(member, None, profile, email_unique=self.organization.email_unique)
        if changes:
            self.work.changed.append((member, changes))
        shown = dict(changes)
        if person.roles is not None:
            held, wanted = self.held.get(member.pk, {}), set(person.roles)
            self.work.ended += [assignment for name, assignment in held.items() if name not in wanted]
            self.work.confirmed += [assignment for name, assignment in held.items() if name in wanted]
            self.work.given += [(member, self.roles[name]) for name in sorted(wanted - set(held))]
            if wanted != set(held):
                shown["roles"] = [sorted(held), sorted(wanted)]
        return Step(
            person.line, member.user_name, "change" if shown else "nothing", member.pk, version, shown
        )

    def _check_email(self, email: str, member: Member | None) -> None:
        try:
            validate_email(email)
        except ValidationError as error:
            raise Invalid(f"{email[:_EMAIL_LENGTH_MAX]} is no e-mail address.", field="email") from error
        if len(email) > _EMAIL_LENGTH_MAX:
            raise Invalid(f"An address has at most {_EMAIL_LENGTH_MAX} characters.", field="email")
        if not self.organization.email_unique:
            return
        key = key_of(email)
        owner = self.addresses.get(key, member.pk if member else None)
        if key in self.addresses and (member is None or owner != member.pk):
            raise EmailTaken("Another member already has this e-mail address.", field="email")
        self.addresses[key] = member.pk if member else None
