"""Shutting a person out, in one step for every path.

Each function works on a member whose row the caller has locked, in the caller's transaction: members.suspend,
members.change, members.offboard and the jobs all end here.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, Subject, record, record_all
from identity import alarms, credential_ends, grants, mail, memberships, receipts, reviews, roles, tenancy
from identity.models import (
    ActivePeriod,
    Directory,
    Grant,
    Group,
    Invitation,
    Link,
    Member,
    Membership,
    RoleAssignment,
    Session,
    Token,
)


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


def preview(member: Member) -> dict[str, int]:
    """Return how many sessions, tokens, grants, roles, invitations and groups an offboarding would end or leave behind."""
    mine = Q(organization=member.organization_id, member=member)
    return {
        "sessions": Session.objects.filter(
            mine, ended_at__isnull=True, expires_at__gt=timezone.now()
        ).count(),
        "tokens": Token.objects.filter(mine, revoked_at__isnull=True).count(),
        "grants": Grant.objects.filter(mine, ended_at__isnull=True).count(),
        "roles": RoleAssignment.objects.filter(mine, ended_at__isnull=True).count(),
        "invitations": _open_invitations(member).count(),
        "groups": Membership.objects.filter(mine, ended_at__isnull=True).count(),
    }


_SUSPEND: Final = f"""
WITH gone AS (
  UPDATE identity_member SET state = 'suspended', state_reason = %(state_reason)s, session_epoch = session_epoch + 1,
         version = version + 1, changed_at = %(now)s, suspended_at = %(now)s
   WHERE organization_id = %(organization)s AND id = %(member)s
), period AS (
  UPDATE identity_activeperiod SET ended_at = %(now)s
   WHERE organization_id = %(organization)s AND member_id = %(member)s AND ended_at IS NULL
), {credential_ends.ENDED}
SELECT ARRAY(SELECT id FROM ended), ARRAY(SELECT id FROM revoked), {alarms.DUTIES}
"""  # noqa: S608 - built from constants alone


def suspend_locked(member: Member, *, actor: Actor, reason: str) -> None:
    """Make an active member suspended: out at once, access dormant."""
    now = timezone.now()
    values = {
        "organization": member.organization_id,
        "member": member.pk,
        "members": [member.pk],
        "now": now,
        "state_reason": reason,
        "reason": "suspended",
    }
    session_ids, token_ids, *duties = tenancy.asked(_SUSPEND, values)[0]
    member.state, member.state_reason, member.suspended_at = Member.State.SUSPENDED, reason, now
    member.session_epoch += 1
    member.version += 1
    member.changed_at = now
    ended = [("session", id_, member.pk) for id_ in session_ids] + [
        ("token", id_, member.pk) for id_ in token_ids
    ]
    suspended = Line(
        Event.MEMBER_SUSPEND,
        member.organization_id,
        actor,
        _subject(member),
        changes={"state": [Member.State.ACTIVE.value, Member.State.SUSPENDED.value]},
        data={"reason": reason, "sessions": len(session_ids), "tokens": len(token_ids)},
    )
    names = {member.pk: member.user_name}
    record_all(
        [*credential_ends.lines_of(ended, member.organization_id, names, actor, "suspended"), suspended]
    )
    alarms.gone(member, alarms.duties_of_leaver(member, *duties), actor=actor)


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
    now = timezone.now()
    signalled_at = signalled_at or now
    if tombstone is not None:
        _bury(member, tombstone, actor)
    if member.state == Member.State.OFFBOARDED:
        return Receipt(member.pk, signalled_at, timezone.now(), already=True)
    before = member.state
    duties = alarms.duties_of_leaver(member) if before == Member.State.ACTIVE else alarms.Duties()
    _shut_out(member, Member.State.OFFBOARDED, reason)
    member.offboarded_at, member.ends_at = now, None
    member.save(
        update_fields=[
            "state",
            "state_reason",
            "session_epoch",
            "version",
            "changed_at",
            "offboarded_at",
            "ends_at",
        ]
    )
    ended = _end_everything(member, actor)
    done_at = timezone.now()
    digest = receipts.keep(
        member, actor=actor, reason=reason, signalled_at=signalled_at, done_at=done_at, ended=ended
    )
    receipt = Receipt(member.pk, signalled_at, done_at, **ended, digest=digest)
    record(
        Event.MEMBER_OFFBOARD,
        organization_id=member.organization_id,
        actor=actor,
        subject=_subject(member),
        changes={"state": [before, Member.State.OFFBOARDED.value]},
        data={
            "reason": reason,
            "sessions": len(receipt.sessions),
            "tokens": len(receipt.tokens),
            "grants": [str(grant_id) for grant_id in receipt.grants],
            "roles": receipt.roles,
            "invitations": len(receipt.invitations),
            "groups": receipt.groups,
            "receipt": digest,
        },
    )
    alarms.gone(member, duties, actor=actor)
    return receipt


def _end_everything(member: Member, actor: Actor) -> dict[str, Any]:
    """End what the member holds, and return it under the names of the receipt."""
    session_ids, token_ids = credential_ends.end_credentials(member, actor=actor, reason="offboarded")
    ended_grants = list(grants.open_grants(member))
    grants.end(member, ended_grants, actor=actor)
    ended_roles = list(
        RoleAssignment.objects.filter(
            organization=member.organization_id, member=member, ended_at__isnull=True
        ).select_related("role")
    )
    roles.end(member, ended_roles, actor=actor)
    invitation_ids = _withdraw_invitations(member, actor)
    group_names = _leave_groups(member, actor)
    reviews.pass_on(member.organization_id, member.pk, actor=actor)
    return {
        "sessions": session_ids,
        "tokens": token_ids,
        "grants": [grant.pk for grant in ended_grants],
        "roles": [held.role.name for held in ended_roles],
        "invitations": invitation_ids,
        "groups": group_names,
    }


def _shut_out(member: Member, state: str, reason: str) -> None:
    now = timezone.now()
    member.state, member.state_reason = state, reason
    member.session_epoch += 1
    member.version += 1
    member.changed_at = now
    ActivePeriod.objects.filter(
        organization=member.organization_id, member=member, ended_at__isnull=True
    ).update(ended_at=now)


def _bury(member: Member, directory: Directory, actor: Actor) -> None:
    buried = Link.objects.filter(
        organization=member.organization_id, directory=directory, member=member, tombstoned_at__isnull=True
    ).update(tombstoned_at=timezone.now())
    if buried:
        record(
            Event.MEMBER_UNLINK,
            organization_id=member.organization_id,
            actor=actor,
            subject=_subject(member),
            data={"directory": str(directory.pk)},
        )


def _open_invitations(member: Member):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a query set
    return Invitation.objects.filter(
        Q(member=member) | Q(email_key=member.email_key or "-"),
        organization=member.organization_id,
        accepted_at__isnull=True,
        withdrawn_at__isnull=True,
    )


def _withdraw_invitations(member: Member, actor: Actor) -> list[UUID]:
    open_ones = list(_open_invitations(member))
    Invitation.objects.filter(
        organization=member.organization_id, pk__in=[invitation.pk for invitation in open_ones]
    ).update(withdrawn_at=timezone.now())
    for invitation in open_ones:
        mail.cancel(member.organization_id, invitation.pk)
    record_all(
        Line(
            Event.INVITATION_WITHDRAW, member.organization_id, actor,
            Subject("invitation", str(invitation.pk), invitation.email), data={"member": str(member.pk)},
        )
        for invitation in open_ones
    )  # fmt: skip
    return [invitation.pk for invitation in open_ones]


def _leave_groups(member: Member, actor: Actor) -> list[str]:
    memberships.hold_groups_of(member.organization_id, [member.pk])
    seats = list(
        Membership.objects.filter(
            organization=member.organization_id, member=member, ended_at__isnull=True
        ).select_related("group")
    )
    if not seats:
        return []
    now = timezone.now()
    Membership.objects.filter(organization=member.organization_id, pk__in=[seat.pk for seat in seats]).update(
        ended_at=now
    )
    Group.objects.filter(
        organization=member.organization_id, pk__in=[seat.group_id for seat in seats]
    ).update(version=F("version") + 1, changed_at=now)
    record_all(
        Line(
            Event.GROUP_MEMBER_REMOVE, member.organization_id, actor, _subject(member),
            changes={"group": [seat.group.display_name, None]}, data={"group": str(seat.group_id)},
        )
        for seat in seats
    )  # fmt: skip
    return sorted(seat.group.display_name for seat in seats)


def _subject(member: Member) -> Subject:
    return Subject("member", str(member.pk), member.user_name)
