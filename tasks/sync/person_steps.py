"""Steps about people: each action by the batch form of its verb. They return the steps that were done; the others had changed since."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from audit.record import Actor
from identity import adopting, batches, matching, members
from identity.adopting import Adoption
from identity.batches import Arrival, Change, Prepared
from identity.models import Member, Run
from tasks.models import Known
from tasks.sync import known
from tasks.sync.due import Due

_TOLD: Final = """
SELECT external_id, user_name, email_key, profile::text FROM tasks_stagedperson
 WHERE run_id = %(run)s AND word = 'told' AND external_id = ANY (%(ids)s)
"""
Done = Sequence[Due]
# External id, user name, folded address, profile as JSON.
Row = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What the run has read of somebody (tasks.models.StagedPerson), as far as it is written."""

    user_name: str
    email_key: str
    profile: dict[str, Any]


# As the record has it: why somebody was suspended.
_REASONS: Final = {
    "signal": "inactive in {}", "removed": "removed from {}", "absent": "no longer in {}",
}  # fmt: skip


def change(run: Run, steps: Sequence[Due], actor: Actor) -> Done:
    """Rename and update. Raises Refusal, then nobody is changed (the same for the others)."""
    settled = batches.change(run.directory.organization, _changes(run, steps), actor=actor)
    done = [step for step in steps if step.member_id in settled]
    known.keep_told(run, done)
    return done


def suspend(run: Run, steps: Sequence[Due], actor: Actor) -> Done:
    """Shut out. Another name or address that the directory says of them is the next run's; the rest waits until they come back."""
    done: list[Due] = []
    for reason, sentence in _REASONS.items():
        some = [step for step in steps if step.reason == reason]
        if not some:
            continue
        text = sentence.format(run.directory.name)
        gone = batches.suspend(run.directory.organization, _versions(some), actor=actor, reason=text)
        ids = {member.pk for member in gone}
        shut = [step for step in some if step.member_id in ids]
        if known.keep_shut(run, shut, reason):
            _have_told_again(run)
        done += shut
    return done


def reactivate(run: Run, steps: Sequence[Due], actor: Actor) -> Done:
    """Let in again whom this directory had shut out, as it now tells of them."""
    text = f"back in {run.directory.name}"
    back = batches.reactivate(run.directory.organization, _versions(steps), actor=actor, reason=text)
    versions = {member.pk: member.version for member in back}
    done = [step for step in steps if step.member_id in versions]
    for step in done:
        step.version = versions[step.member_id] if step.member_id else 0
    told = [step for step in done if step.external_id in _told(run, done)]
    batches.change(run.directory.organization, _changes(run, told), actor=actor)
    known.keep_told(run, told)
    known.keep_let_in(run, done)
    return done


def create(run: Run, steps: Sequence[Due], actor: Actor) -> Done:
    """Create newcomers with their links and first permissions; whoever is somebody here by now is left to the next run."""
    return create_from(run, steps, actor, _told(run, steps), None)


def create_from(
    run: Run, steps: Sequence[Due], actor: Actor, told: Mapping[str, Told], prepared: Prepared | None
) -> Done:
    """Create them from what was read already, and `prepared` if it was made of all of them."""
    emails = {person.email_key for person in told.values() if person.email_key}
    met = matching.met_by_email(run.directory.organization, run.directory, emails)
    if met:
        steps, prepared = [step for step in steps if told[step.external_id].email_key not in met], None
    if not steps:
        return []
    made = batches.create(
        run.directory.organization, arrivals_of(steps, told), actor=actor, directory=run.directory, prepared=prepared
    )  # fmt: skip
    for step, member in zip(steps, made, strict=True):
        step.member_id = member.pk
    known.keep_told(run, steps)
    return steps


def arrivals_of(steps: Sequence[Due], told: Mapping[str, Told]) -> list[Arrival]:
    """Return the steps' newcomers as they are created."""
    return [
        Arrival(told[step.external_id].user_name, told[step.external_id].profile, step.external_id)
        for step in steps
    ]


def link(run: Run, steps: Sequence[Due], actor: Actor) -> Done:
    """Adopt members who were here before: those who are meant beyond doubt in one go, each other one by the verb that decides it."""
    told = _told(run, steps)
    adopted = adopting.adopt(
        run.directory.organization, _adoptions(steps, told), actor=actor, directory=run.directory
    )
    others = [step for step in steps if step.member_id not in adopted]
    had = Member.objects.in_bulk([step.member_id for step in others])
    for step in others:
        person = told[step.external_id]
        before = had[step.member_id].profile if step.member_id in had else {}
        done = members.provision(
            run.directory.organization, actor=actor, user_name=person.user_name, profile={**before, **person.profile},
            directory=run.directory, external_id=step.external_id,
        )  # fmt: skip
        step.member_id = done.member.pk
    if known.keep_linked(run, steps):
        _have_told_again(run)
    return steps


ACTIONS: Final[dict[str, Callable[[Run, Sequence[Due], Actor], Done]]] = {
    "rename": change, "update": change, "suspend": suspend, "reactivate": reactivate, "create": create, "link": link,
}  # fmt: skip


def _have_told_again(run: Run) -> None:
    """Have everything read by the next run: changes alone would not tell of them again."""
    run.next_cookie = None
    run.save(update_fields=["next_cookie"])


def _adoptions(steps: Sequence[Due], told: Mapping[str, Told]) -> list[Adoption]:
    return [
        Adoption(
            step.member_id, step.external_id, told[step.external_id].user_name, told[step.external_id].profile
        )
        for step in steps
        if step.member_id is not None
    ]


def _changes(run: Run, steps: Sequence[Due]) -> list[Change]:
    told = _told(run, steps)
    rows = Known.objects.filter(directory=run.directory_id, external_id__in=list(told))
    names = dict(rows.values_list("external_id", "names"))
    return [
        Change(
            step.member_id, step.version or 0, told[step.external_id].user_name, told[step.external_id].profile,
            names.get(step.external_id, ()),
        )
        for step in steps
        if step.member_id is not None
    ]  # fmt: skip


def read_told(run: Run, steps: Sequence[Due]) -> list[Row]:
    """Read what the run was told of the steps' people."""
    with connection.cursor() as cursor:
        cursor.execute(_TOLD, {"run": run.pk, "ids": [step.external_id for step in steps]})
        return cursor.fetchall()


def told_of(rows: Sequence[Row]) -> dict[str, Told]:
    """Return that by external id."""
    return {
        external_id: Told(user_name, email_key, json.loads(profile))
        for external_id, user_name, email_key, profile in rows
    }


def _told(run: Run, steps: Sequence[Due]) -> dict[str, Told]:
    return told_of(read_told(run, steps))


def _versions(steps: Sequence[Due]) -> dict[UUID, int]:
    return {step.member_id: step.version or 0 for step in steps if step.member_id is not None}
