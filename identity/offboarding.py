"""Offboarding, of one or of many at once: a fixed number of statements, whatever they hold.

The caller has locked the members' rows, in the order of their ids, in its own transaction: the verbs and the jobs all end here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line
from identity import alarms, holdings, links, memberships, receipts, reviews, roles, tenancy
from identity.holdings import Held
from identity.member_row import subject_of
from identity.models import Directory, Member
from identity.postgresql.flush import Statement

# Before the statement about the members' states and not within it: PostgreSQL counts active people by links and by states, and in one
# statement each would see what the other has done (identity_link_changed).
_BURY: Final = """
UPDATE identity_link SET tombstoned_at = %(now)s
 WHERE organization_id = %(organization)s AND directory_id = %(directory)s AND member_id = ANY (%(members)s) AND tombstoned_at IS NULL
RETURNING member_id
"""
# PostgreSQL keeps the plan for one.
_BURY_ONE: Final = _BURY.replace("= ANY (%(members)s)", "= %(member)s")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an offboarding ended: numbers for people, ids for proof. `signalled_at` and `done_at` are aware times."""

    member_id: UUID
    signalled_at: datetime
    done_at: datetime
    already: bool = False
    sessions: list[UUID] = field(default_factory=list)
    tokens: list[UUID] = field(default_factory=list)
    grants: list[UUID] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    invitations: list[UUID] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    digest: str = ""


def offboard_locked(
    member: Member,
    *,
    actor: Actor,
    reason: str,
    tombstone: Directory | None = None,
    signalled_at: datetime | None = None,
) -> Receipt:
    """End all that the member holds. Once offboarded, only the directory's tombstone can still be added.

    `signalled_at` is when somebody said so, if that was before now: the receipt tells how long it took.
    """
    signals = {} if signalled_at is None else {member.pk: signalled_at}
    return offboard_all_locked([member], actor=actor, reason=reason, tombstone=tombstone, signals=signals)[0]


def offboard_all_locked(
    members: Sequence[Member],
    *,
    actor: Actor,
    reason: str,
    tombstone: Directory | None = None,
    signals: Mapping[UUID, datetime] | None = None,
) -> list[Receipt]:
    """Do so for many members of one organization, and return their receipts in the same order; `signals` are times by member."""
    if not members:
        return []
    now, organization_id = timezone.now(), members[0].organization_id
    leaving = [member for member in members if member.state != Member.State.OFFBOARDED]
    buried, ended = _ended(organization_id, members, leaving, tombstone, now, reason)
    states = {member.pk: member.state for member in leaving}
    done_at = timezone.now()
    lines: list[Line] = []
    kept: list[receipts.Kept] = []
    made: dict[UUID, Receipt] = {}
    for member in members:
        if tombstone and member.pk in buried:
            lines.append(_unlinked(member, tombstone, actor))
        if member.pk not in states:
            continue
        held, signalled_at = ended[member.pk], (signals or {}).get(member.pk, now)
        kept.append(
            receipts.made(
                member,
                actor=actor,
                reason=reason,
                signalled_at=signalled_at,
                done_at=done_at,
                ended=held.as_receipt(),
            )
        )
        made[member.pk] = Receipt(
            member.pk, signalled_at, done_at, **held.as_receipt(), digest=kept[-1].digest
        )
        _mark(member, now, reason)
        lines += holdings.lines(member, held, actor)
        lines.append(_offboarded(member, states[member.pk], actor, reason, made[member.pk]))
    receipts.keep(organization_id, kept, lines)
    for member in leaving:
        if ended[member.pk].reviews:
            reviews.pass_on(organization_id, member.pk, actor=actor)
    active = [member for member in leaving if states[member.pk] == Member.State.ACTIVE]
    _alarm(active, ended, actor)
    return [
        made.get(member.pk) or Receipt(member.pk, (signals or {}).get(member.pk, now), done_at, already=True)
        for member in members
    ]


def _ended(
    organization_id: UUID,
    members: Sequence[Member],
    leaving: Sequence[Member],
    tombstone: Directory | None,
    now: datetime,
    reason: str,
) -> tuple[set[UUID], dict[UUID, Held]]:
    """Bury the links and end everything, by one flush; returns whose links were buried, and by member what ended."""
    questions: list[Statement] = []
    if len(members) > 1:
        links.count_many()
    if tombstone is not None:
        values = {"organization": organization_id, "directory": tombstone.pk, "now": now}
        ids = [member.pk for member in members]
        questions.append(
            Statement(_BURY_ONE, values | {"member": ids[0]})
            if len(ids) == 1
            else Statement(_BURY, values | {"members": ids})
        )
    if leaving:
        # Administrators before groups, as whoever asks first whether somebody is the last one.
        active = [member.pk for member in leaving if member.state == Member.State.ACTIVE]
        if active:
            roles.hold_administrators_among(organization_id, active)
        memberships.hold_groups_of(organization_id, [member.pk for member in leaving])
        questions.append(holdings.end_statement(organization_id, leaving, now=now, reason=reason))
    answers = tenancy.connection.ask(*questions) if questions else []
    return (
        {row[0] for row in answers[0]} if tombstone is not None else set(),
        holdings.held(leaving, answers[-1]) if leaving else {},
    )


def _mark(member: Member, now: datetime, reason: str) -> None:
    """Show on the object what the statement has done to the row."""
    member.state, member.state_reason, member.ends_at = Member.State.OFFBOARDED, reason, None
    member.changed_at = member.offboarded_at = now
    member.session_epoch += 1
    member.version += 1


def _alarm(active: Sequence[Member], ended: Mapping[UUID, Held], actor: Actor) -> None:
    """Alarm whoever must take over from those who were active until now."""
    administrators = {member.pk for member in active if ended[member.pk].administers}
    break_glass = {member.pk for member in active if ended[member.pk].break_glass}
    for member, duties in alarms.duties_of_leavers(
        active, administrators=administrators, break_glass=break_glass
    ):
        alarms.gone(member, duties, actor=actor)


def _unlinked(member: Member, directory: Directory, actor: Actor) -> Line:
    return Line(
        Event.MEMBER_UNLINK, member.organization_id, actor, subject_of(member),
        data={"directory": str(directory.pk)},
    )  # fmt: skip


def _offboarded(member: Member, before: str, actor: Actor, reason: str, receipt: Receipt) -> Line:
    return Line(
        Event.MEMBER_OFFBOARD,
        member.organization_id,
        actor,
        subject_of(member),
        changes={"state": [before, Member.State.OFFBOARDED.value]},
        data={
            "reason": reason,
            "sessions": len(receipt.sessions),
            "tokens": len(receipt.tokens),
            "grants": [str(grant_id) for grant_id in receipt.grants],
            "roles": receipt.roles,
            "invitations": len(receipt.invitations),
            "groups": receipt.groups,
            "receipt": receipt.digest,
        },
    )
