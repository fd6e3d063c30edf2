"""Which steps of a batch can only be done together: whoever takes a name, and whoever of the batch gives it up."""

from collections.abc import Mapping, Sequence

from identity.models import Group, Member, Run
from identity.profile import key_of
from tasks.sync import person_steps
from tasks.sync.due import Due

# A kind of name, and the name as it is compared.
Name = tuple[str, str]


def of(run: Run, steps: Sequence[Due]) -> list[list[Due]]:
    """Return the steps, each with those it is tied to: two who exchange their names are one knot, as is a row of them.

    The tenancy must be set.
    """
    given = {name: number for number, names in _given(run, steps).items() for name in names}
    knot_of = {step.number: {step.number} for step in steps}
    for number, names in _taken(run, steps).items():
        for giver in {given[name] for name in names if name in given}:
            joined = knot_of[number] | knot_of[giver]
            knot_of.update(dict.fromkeys(joined, joined))
    knots: dict[int, list[Due]] = {}
    for step in steps:
        knots.setdefault(min(knot_of[step.number]), []).append(step)
    return list(knots.values())


def _given(run: Run, steps: Sequence[Due]) -> Mapping[int, set[Name]]:
    """Return under which names they are here."""
    numbers = {step.member_id or step.group_id: step.number for step in steps}
    here = Member.objects.filter(
        organization=run.organization_id, pk__in=[step.member_id for step in steps if step.member_id]
    )
    found = {
        numbers[pk]: {("person", name), ("address", address or "")}
        for pk, name, address in here.values_list("pk", "user_name_key", "email_claim")
    }
    groups = Group.objects.filter(
        organization=run.organization_id, pk__in=[step.group_id for step in steps if step.group_id]
    )
    return found | {
        numbers[pk]: {("group", name)} for pk, name in groups.values_list("pk", "display_name_key")
    }


def _taken(run: Run, steps: Sequence[Due]) -> Mapping[int, set[Name]]:
    """Return which names they are to get."""
    told = {key: (name, address) for key, name, address, _ in person_steps.read_told(run, steps)}
    names: dict[int, set[Name]] = {}
    for step in steps:
        if step.group_id is not None:
            names[step.number] = {("group", key_of(step.label))}
        elif step.external_id in told:
            name, address = told[step.external_id]
            names[step.number] = {("person", key_of(name)), *({("address", address)} if address else ())}
    return names
