"""Steps about groups: one at a time, and their people by the thousand."""

from collections.abc import Callable
from typing import Final

from django.db import connection

from audit.record import Actor
from identity import groups, pull_settings
from identity.errors import NotFound
from identity.models import Group, Run, Step
from tasks.sync import plan, plan_sql

# How many join or leave in one transaction.
MOVES: Final = 2000


def create(run: Run, step: Step, actor: Actor) -> bool:
    """Create the group, empty. Each of these tells whether the step is done; they raise Refusal."""
    made = groups.create(
        run.directory.organization, actor=actor, display_name=step.label, directory=run.directory, external_id=step.external_id,
    )  # fmt: skip
    Step.objects.filter(
        organization=run.organization_id, run=run, action="members", external_id=step.external_id
    ).update(group=made.pk)
    return True


def rename(run: Run, step: Step, actor: Actor) -> bool:
    """Give the group its new name."""
    groups.change(_group(run, step), actor=actor, display_name=step.label)
    return True


def end(run: Run, step: Step, actor: Actor) -> bool:
    """End the group and every membership in it."""
    groups.delete(_group(run, step), actor=actor)
    return True


def move(run: Run, step: Step, actor: Actor) -> bool:
    """Let some of the group's people join and leave; not done while there are more."""
    group = _group(run, step)
    values = plan.parameters(run, pull_settings.rules_of(run.directory), rescoped=False)
    with connection.cursor() as cursor:
        cursor.execute(plan_sql.MOVES, values | {"group": step.external_id, "most": MOVES})
        moves = cursor.fetchall()
    if moves:
        groups.change(
            group, actor=actor, add=[str(member) for member, joins in moves if joins],
            remove=[str(member) for member, joins in moves if not joins],
        )  # fmt: skip
    return len(moves) < MOVES


ACTIONS: Final[dict[str, Callable[[Run, Step, Actor], bool]]] = {
    "group_create": create, "group_rename": rename, "members": move, "group_end": end,
}  # fmt: skip


def _group(run: Run, step: Step) -> Group:
    mine = Group.objects.filter(organization=run.organization_id, ended_at__isnull=True)
    found = mine.filter(pk=step.group_id).first() if step.group_id is not None else None
    if found is None:
        raise NotFound("The group is not there any more.")
    return found
