"""Shutting people out for the time being, in one step for every path; and what an offboarding (identity.offboarding) would end."""

from collections import Counter
from collections.abc import Sequence
from contextvars import Context, copy_context
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, compose, record, record_composed
from identity import alarms, credential_ends, links, tenancy
from identity.member_row import subject_of
from identity.models import Grant, Invitation, Member, Membership, RoleAssignment, Session, Token


def preview(member: Member) -> dict[str, int]:
    """Return how many sessions, tokens, grants, roles, invitations and groups an offboarding would end or leave behind."""
    return previews(member.organization_id, [member])[member.pk]


def previews(organization_id: UUID, members: Sequence[Member]) -> dict[UUID, dict[str, int]]:
    """Return the same for each of several members of the organization, by their ids."""
    theirs = Q(organization=organization_id, member__in=members)
    open_now = theirs & Q(ended_at__isnull=True)
    invitations = Invitation.objects.filter(
        organization=organization_id,
        email_key__in={member.email_key for member in members} - {""},
        accepted_at__isnull=True,
        withdrawn_at__isnull=True,
    )
    invited = set(invitations.values_list("email_key", flat=True))
    counts = {
        "sessions": _numbers(Session.objects.filter(open_now, expires_at__gt=timezone.now())),
        "tokens": _numbers(Token.objects.filter(theirs, revoked_at__isnull=True)),
        "grants": _numbers(Grant.objects.filter(open_now)),
        "roles": _numbers(RoleAssignment.objects.filter(open_now)),
        # An address has one open invitation at most, and whoever accepted one has closed it.
        "invitations": {member.pk: int(member.email_key in invited) for member in members},
        "groups": _numbers(Membership.objects.filter(open_now)),
    }
    return {
        member.pk: {name: numbers.get(member.pk, 0) for name, numbers in counts.items()} for member in members
    }


def _numbers(rows: "QuerySet[Any]") -> dict[UUID, int]:
    return dict(rows.order_by().values_list("member").annotate(Count("pk")))


_SUSPEND: Final = f"""
WITH gone AS (
  UPDATE identity_member SET state = 'suspended', state_reason = %(state_reason)s, session_epoch = session_epoch + 1,
         version = version + 1, changed_at = %(now)s, suspended_at = %(now)s
   WHERE organization_id = %(organization)s AND id = ANY (%(members)s)
), period AS (
  UPDATE identity_activeperiod SET ended_at = %(now)s
   WHERE organization_id = %(organization)s AND member_id = ANY (%(members)s) AND ended_at IS NULL
), {credential_ends.ENDED}
SELECT 'session', id, member_id FROM ended UNION ALL SELECT 'token', id, member_id FROM revoked UNION ALL {alarms.DUTIES}
"""  # noqa: S608 - built from constants alone
# For one member PostgreSQL keeps its plan by itself.
_SUSPEND_ONE: Final = _SUSPEND.replace("= ANY (%(members)s)", "= %(member)s")


class Leaving:
    """Members of one organization who are shut out at one time, in one transaction: named one by one, written together.

    Between the two the objects are ahead of their rows, which the caller holds.
    """

    def __init__(self, *, actor: Actor, reason: str) -> None:
        self.actor = actor
        self.reason = reason
        self.now = timezone.now()
        # The entries of each are written in the context in which they were named.
        self.contexts: dict[UUID, Context] = {}
        self.members: list[Member] = []

    def add(self, member: Member) -> None:
        """Make an active member suspended: out at once, access dormant."""
        member.state, member.state_reason, member.suspended_at = Member.State.SUSPENDED, self.reason, self.now
        member.session_epoch += 1
        member.version += 1
        member.changed_at = self.now
        self.members.append(member)
        self.contexts[member.pk] = copy_context()

    def write(self) -> None:
        """Write all of them, end what they came in by, and alarm whoever must take over."""
        if not self.members:
            return
        ended: dict[UUID, list[credential_ends.Ended]] = {}
        duties: dict[str, set[UUID]] = {"administrator": set(), "break_glass": set()}
        for row in self._ended():
            kind, _, member_id = row
            if kind in duties:
                duties[kind].add(member_id)
            else:
                ended.setdefault(member_id, []).append(row)
        record_composed(
            self.contexts[member.pk].run(compose, self._lines(member, ended.get(member.pk, [])))
            for member in self.members
        )
        for member, its_duties in alarms.duties_of_leavers(
            self.members, administrators=duties["administrator"], break_glass=duties["break_glass"]
        ):
            self.contexts[member.pk].run(alarms.gone, member, its_duties, actor=self.actor)

    def _ended(self) -> list[tuple[Any, ...]]:
        values = {
            "organization": self.members[0].organization_id,
            "now": self.now,
            "state_reason": self.reason,
            "reason": "suspended",
        }
        if len(self.members) == 1:
            return tenancy.asked(_SUSPEND_ONE, values | {"member": self.members[0].pk})
        links.count_many()
        return tenancy.asked_of_some(_SUSPEND, values | {"members": [member.pk for member in self.members]})

    def _lines(self, member: Member, ended: Sequence[credential_ends.Ended]) -> list[Line]:
        names = {member.pk: member.user_name}
        counted = Counter(kind for kind, _, _ in ended)
        suspended = Line(
            Event.MEMBER_SUSPEND,
            member.organization_id,
            self.actor,
            subject_of(member),
            changes={"state": [Member.State.ACTIVE.value, Member.State.SUSPENDED.value]},
            data={"reason": self.reason, "sessions": counted["session"], "tokens": counted["token"]},
        )
        lines = credential_ends.lines_of(ended, member.organization_id, names, self.actor, "suspended")
        return [*lines, suspended]


def suspend_locked(member: Member, *, actor: Actor, reason: str) -> None:
    """Make an active member suspended, whose row the caller has locked in its own transaction: out at once, access dormant."""
    leaving = Leaving(actor=actor, reason=reason)
    leaving.add(member)
    leaving.write()


def keep_out_locked(member: Member, *, actor: Actor, reason: str) -> None:
    """Make the suspension of a member whose row the caller has locked this actor's own from now on. The grace period begins anew.

    A directory that is read knows whom it has shut out by the time, and a burst whom it has: to both this is another one.
    """
    before, member.suspended_at = member.suspended_at, timezone.now()
    was_for, member.state_reason = member.state_reason, reason
    member.changed_at = member.suspended_at
    member.version += 1
    member.save(update_fields=["suspended_at", "state_reason", "changed_at", "version"])
    record(
        Event.MEMBER_SUSPEND,
        organization_id=member.organization_id,
        actor=actor,
        subject=subject_of(member),
        changes={"suspended_at": [before, member.suspended_at], "state_reason": [was_for, reason]},
        data={"reason": reason},
    )
