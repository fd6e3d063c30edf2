"""Letting somebody in again: the way back from a suspension or an offboarding.

Each function works on a member whose row the caller has locked, in the caller's transaction, as in identity.exits.
"""

from typing import Final

from django.db.models import Q
from django.utils import timezone

from audit.events import Event
from audit.ids import uuid7
from audit.models import Entry
from audit.record import Actor, Line, record_with, with_entries
from identity import grants, groups, links, roles
from identity.member_row import subject_of
from identity.models import Grant, Member, Receipt, RoleAssignment

# Who speaks for the organization, by kind of actor; a token is a member's own program.
PEOPLE: Final = frozenset({"member", "token", "operator"})
_PUSHED: Final = "scim"
_LET_IN: Final = with_entries("""
back AS (
  UPDATE identity_member SET state = 'active', state_reason = '', version = version + 1, changed_at = %(now)s, suspended_at = NULL,
         offboarded_at = NULL
   WHERE organization_id = %(organization)s AND id = %(member)s
), period AS (
  INSERT INTO identity_activeperiod (id, organization_id, member_id, started_at)
  VALUES (%(period)s, %(organization)s, %(member)s, %(now)s)
)""")


def former_access(member: Member) -> tuple[list[Grant], list[RoleAssignment]]:
    """Return the grants and role assignments that the member's offboarding ended; nothing unless they are offboarded now."""
    if member.offboarded_at is None:
        return [], []
    ended = ended_by_offboarding(member)
    lost_grants = Grant.objects.filter(ended).select_related("resource__kind").order_by("pk")
    lost_roles = RoleAssignment.objects.filter(ended).select_related("role").order_by("pk")
    return list(lost_grants), list(lost_roles)


def ended_by_offboarding(member: Member) -> Q:
    """Return the condition of the rows (`member`, `ended_at`) that the offboarding of an offboarded member ended.

    They ended between its beginning and its receipt. Whatever ended before may bear a later time, if a clock was set back since:
    "everything from then on" would give back what somebody had taken away on purpose.
    """
    own = Q(organization=member.organization_id, member=member)
    receipt = Receipt.objects.filter(own, done_at__gte=member.offboarded_at).order_by("done_at").first()
    if receipt is None:
        # Offboarded before there were receipts.
        return own & Q(ended_at__gte=member.offboarded_at)
    return own & Q(ended_at__range=(member.offboarded_at, receipt.done_at))


def is_kept_out(member: Member) -> bool:
    """Tell whether a person suspended the member: what an administrator took, no directory gives back."""
    return member.state == Member.State.SUSPENDED and not is_suspended_by_machine(member)


def is_suspended_by_machine(member: Member) -> bool:
    """Tell whether the member is suspended, and no person said so. The record knows; it is asked where that decides, and not otherwise.

    What a directory asked for is its word, also where a person ran its request again.
    """
    if member.state != Member.State.SUSPENDED:
        return False
    about = Entry.objects.filter(
        organization_id=member.organization_id, subject_id=str(member.pk), event=Event.MEMBER_SUSPEND
    )
    last = about.order_by("-id").values_list("actor_kind", "source").first()
    return last is None or last[0] not in PEOPLE or last[1] == _PUSHED


def reinstate_locked(member: Member, *, actor: Actor, with_access: bool, reason: str) -> None:
    """Let an offboarded member in again; `with_access` gives back, as an administrator's own, what the offboarding ended.

    They join the groups for which their directory named them while they were out: it will not say so again.
    """
    lost_grants, lost_roles = former_access(member)
    let_in_locked(member, actor=actor, event=Event.MEMBER_REINSTATE, reason=reason)
    for link in links.of_member(member).select_related("directory"):
        named = [str(member.pk), link.external_id or ""]
        groups.join_pending(member, link.directory, named, actor=actor)
    if not with_access:
        return
    grants.give(member, [(grant.resource, grant.permission) for grant in lost_grants], "admin", actor=actor)
    roles.give(member, [held.role for held in lost_roles], "admin", actor=actor)


def let_in_locked(member: Member, *, actor: Actor, event: Event, reason: str) -> None:
    """Make the member active again and open a new active period."""
    before = member.state
    now = timezone.now()
    line = Line(
        event,
        member.organization_id,
        actor,
        subject_of(member),
        changes={"state": [before, Member.State.ACTIVE.value]},
        data={"reason": reason},
    )
    values = {"organization": member.organization_id, "member": member.pk, "now": now, "period": uuid7()}
    record_with(_LET_IN, values, [line])
    member.state, member.state_reason = Member.State.ACTIVE, ""
    member.suspended_at = member.offboarded_at = None
    member.version += 1
    member.changed_at = now
