"""Shutting a person out for the time being, in one step for every path; and what an offboarding (identity.offboarding) would end."""

from typing import Final

from django.db.models import Q
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, record_all
from identity import alarms, credential_ends, tenancy
from identity.member_row import subject_of
from identity.models import Grant, Invitation, Member, Membership, RoleAssignment, Session, Token


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
        "invitations": Invitation.objects.filter(
            Q(member=member) | Q(email_key=member.email_key or "-"),
            organization=member.organization_id,
            accepted_at__isnull=True,
            withdrawn_at__isnull=True,
        ).count(),
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
), {credential_ends.ENDED_OF_ONE}
SELECT ARRAY(SELECT id FROM ended), ARRAY(SELECT id FROM revoked), {alarms.DUTIES}
"""  # noqa: S608 - built from constants alone


def suspend_locked(member: Member, *, actor: Actor, reason: str) -> None:
    """Make an active member suspended, whose row the caller has locked in its own transaction: out at once, access dormant."""
    now = timezone.now()
    values = {
        "organization": member.organization_id,
        "member": member.pk,
        "now": now,
        "state_reason": reason,
        "reason": "suspended",
    }
    session_ids, token_ids, administers, break_glass = tenancy.asked(_SUSPEND, values)[0]
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
        subject_of(member),
        changes={"state": [Member.State.ACTIVE.value, Member.State.SUSPENDED.value]},
        data={"reason": reason, "sessions": len(session_ids), "tokens": len(token_ids)},
    )
    names = {member.pk: member.user_name}
    record_all(
        [*credential_ends.lines_of(ended, member.organization_id, names, actor, "suspended"), suspended]
    )
    duties = alarms.duties_of_leaver(member, administers=administers, break_glass=break_glass)
    alarms.gone(member, duties, actor=actor)
