"""Steps about groups: each action by the batch form of its verb. They return the steps that are done; of the others there is more to do."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from django.db import connection

from audit.record import Actor
from identity import group_batches, groups
from identity.errors import NotFound
from identity.group_batches import Formed, Move
from identity.models import Group, Run
from tasks.sync import group_plan_sql
from tasks.sync.due import Due

Done = Sequence[Due]
# How many join or leave in one transaction.
MOVES: Final = 4000
_NAME: Final = """
UPDATE identity_step step SET group_id = row.group_id FROM unnest(%(keys)s::text[], %(groups)s::uuid[]) AS row (external_id, group_id)
 WHERE step.organization_id = %(organization)s AND step.run_id = %(run)s AND step.action = 'members' AND step.external_id = row.external_id
"""


def create(run: Run, steps: Sequence[Due], actor: Actor) -> Done:
    """Create the groups, empty; one that was here under its key is there again, and brings what it brought.

    Each of these raises Refusal, and then nothing of it has happened.
    """
    ended = _ended(run, steps)
    formed = [Formed(step.label, step.external_id) for step in steps if step.external_id not in ended]
    made = group_batches.create(run.directory.organization, formed, actor=actor, directory=run.directory)
    back = [
        groups.restore(ended[step.external_id], actor=actor, display_name=step.label)
        for step in steps
        if step.external_id in ended
    ]
    values: dict[str, Any] = {
        "organization": run.organization_id, "run": run.pk, "keys": [group.external_id for group in (*made, *back)],
        "groups": [group.pk for group in (*made, *back)],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_NAME, values)
    return steps


def link(run: Run, steps: Sequence[Due], actor: Actor) -> Done:
    """Take the groups that were moved to this directory for those of the same names that it tells of."""
    for step in steps:
        groups.change(_group(run, step), actor=actor, external_id=step.external_id)
    return steps


def rename(run: Run, steps: Sequence[Due], actor: Actor) -> Done:
    """Give the groups their new names."""
    named = {_group(run, step).pk: step.label for step in steps}
    group_batches.rename(run.directory.organization, named, actor=actor)
    return steps


def end(run: Run, steps: Sequence[Due], actor: Actor) -> Done:
    """End the groups and every membership in them."""
    for step in steps:
        groups.delete(_group(run, step), actor=actor)
    return steps


def move(run: Run, steps: Sequence[Due], actor: Actor) -> Done:
    """Let people of these groups join and leave, so many at most: a group with more of them is not done yet."""
    group_of = {step.external_id: step.group_id for step in steps}
    values: dict[str, Any] = {
        "organization": run.organization_id, "directory": run.directory_id, "run": run.pk, "groups": list(group_of), "most": MOVES,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(group_plan_sql.TAKE, values)
        taken = cursor.fetchall()
    moves = []
    for key, member_id, joins in taken:
        group_id = group_of[key]
        if group_id is None:
            raise NotFound("The group is not there any more.")
        if member_id is not None:
            moves.append(Move(group_id, member_id, joins))
    group_batches.move(run.directory.organization, moves, actor=actor)
    if len(taken) < MOVES:
        return steps
    # They were taken in the order of the groups, and so are the steps: all before the last one have nobody left.
    last = [step.external_id for step in steps].index(taken[-1][0])
    return steps[:last]


ACTIONS: Final[dict[str, Callable[[Run, Sequence[Due], Actor], Done]]] = {
    "group_create": create, "group_link": link, "group_rename": rename, "members": move, "group_end": end,
}  # fmt: skip


def _ended(run: Run, steps: Sequence[Due]) -> dict[str | None, Group]:
    """Return by key the groups of the directory that have ended; the last one, where there were several."""
    keys = [step.external_id for step in steps]
    mine = Group.objects.filter(
        organization=run.organization_id,
        directory=run.directory_id,
        external_id__in=keys,
        ended_at__isnull=False,
    )
    return {group.external_id: group for group in mine.order_by("ended_at")}


def _group(run: Run, step: Due) -> Group:
    mine = Group.objects.filter(organization=run.organization_id, ended_at__isnull=True)
    found = mine.filter(pk=step.group_id).first() if step.group_id is not None else None
    if found is None:
        raise NotFound("The group is not there any more.")
    return found
