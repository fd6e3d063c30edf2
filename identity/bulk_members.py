"""Many people by one list: whoever is not here is brought in, whoever is here is changed. The batch form of the verbs on members.

One transaction, a handful of statements whatever the number of lines, one entry for each thing that changed.
"""

from collections.abc import Sequence

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, record_all
from identity import arrivals, first_defaults, member_row, people_plan, roles, tenancy
from identity.arrivals import Newcomer
from identity.handing_out import Holder
from identity.models import Member, Organization
from identity.models.access import Origin
from identity.people_plan import Person, Work
from identity.plans import Plan

_CHANGING = ("profile", "email", "email_key", "email_claim", "display_name", "version", "changed_at")


def preview(organization: Organization, people: Sequence[Person], *, holder: Holder | None = None) -> Plan:
    """Return what the list would do; nothing is changed. `holder` is the person who acts. Raises TooMany."""
    with tenancy.of(organization):
        return people_plan.make(organization, people, lock=False, holder=holder)[0]


def apply(
    organization: Organization,
    people: Sequence[Person],
    digest: str,
    *,
    actor: Actor,
    holder: Holder | None = None,
) -> Plan:
    """Do exactly what was previewed under that digest, all of it or nothing. Raises Conflict, Invalid, LastAdministrator, TooMany."""
    with tenancy.change(organization):
        plan, work = people_plan.make(organization, people, lock=True, holder=holder)
        plan.insist(digest)
        _carry_out(organization, work, actor)
    return plan


def bring_in(
    organization: Organization, people: Sequence[Person], *, actor: Actor
) -> tuple[Plan, dict[int, Member]]:
    """Bring in whom the list names and who is not here, without the lines at fault; returns the plan and who came, by line.

    Whoever is a member already is a line at fault. Raises UserNameTaken where somebody comes in by another door at the same moment.
    """
    with tenancy.change(organization):
        plan, work = people_plan.make(organization, people, lock=True, newcomers_only=True)
        _carry_out(organization, work, actor)
    return plan, {person.line: member for person, member, _ in work.newcomers}


def _carry_out(organization: Organization, work: Work, actor: Actor) -> None:
    newcomers = [member for _, member, _ in work.newcomers]
    if newcomers:
        origin = Origin.ORGANIZATION_DEFAULT
        lines = [
            Line(
                Event.MEMBER_CREATE, organization.pk, actor, member_row.subject_of(member),
                changes=changes | {"state": [None, member.state]},
            )
            for _, member, changes in work.newcomers
        ]  # fmt: skip
        made = [Newcomer(member) for member in newcomers]
        arrivals.write(arrivals.work_out(organization.pk, made, lines, directory=None, origin=origin))
        named = {member.pk for person, member, _ in work.newcomers if person.roles is not None}
        defaults = newcomers[0].organization.defaults
        first_defaults.give_all(newcomers, defaults, actor=actor, without_roles=named)
    _change(work, actor)
    roles.end_all(work.ended, actor=actor, held=True)
    roles.confirm_all(work.confirmed, actor=actor)
    roles.give_all(work.given, Origin.ADMIN, actor=actor)
    if any(held.role.name == roles.ADMINISTRATOR for held in work.ended):
        roles.refuse_no_administrator(organization.pk)


def _change(work: Work, actor: Actor) -> None:
    now = timezone.now()
    for member, _ in work.changed:
        member.version += 1
        member.changed_at = now
    Member.objects.bulk_update([member for member, _ in work.changed], _CHANGING)
    record_all(
        Line(
            Event.MEMBER_CHANGE, member.organization_id, actor, member_row.subject_of(member), changes=changes
        )
        for member, changes in work.changed
    )
