"""One person of a directory: found, held for a change, and brought to what a request wants.

Why: docs/decisions/scim-lifecycle.md.
"""

from typing import Final
from uuid import UUID

from identity import exits, groups, members, offboarding, returns
from identity.directory_settings import effective
from identity.exits import Leaving
from identity.models import Member, PendingMembership
from scim import asserted, burst_guard, following, queries
from scim.authentication import Caller
from scim.errors import Code, ScimError
from scim.models import Departure
from scim.operations import Notices
from scim.resources import MemberFields, UserRow

# A whole person, and what else a PATCH says, is taken; the one word on it is not.
_KEPT_OUT: Final = "suspended_here"
_REASON: Final = "told by the directory"
DELETED: Final = "deleted by the directory"
HELD: Final = f"{DELETED}, held"


def found(who: Caller, member_id: UUID, *, groups: bool = True) -> UserRow:
    """Return one person of the directory. ScimError not_found, also for the people of others."""
    row = queries.user(who, member_id, groups=groups)
    if row is None:
        raise ScimError(Code.NOT_FOUND, what="person")
    return row


def locked(who: Caller, member_id: UUID) -> tuple[UserRow, Member]:
    """Return one person of the directory and the member, locked for the transaction. ScimError as above."""
    both = queries.locked_user(who, member_id)
    # Whoever waited for the lock of somebody who was being deleted found the link as it was before.
    if both is None or (both[1].state == Member.State.OFFBOARDED and queries.user(who, member_id) is None):
        raise ScimError(Code.NOT_FOUND, what="person")
    return both


def changed(
    who: Caller,
    row: UserRow,
    member: Member,
    fields: MemberFields,
    notices: Notices,
    about: frozenset[str] | None,
    *,
    keep_external_id: bool,
) -> tuple[UserRow, bool]:
    """Bring a person, who is locked, to what is wanted, and return them as they then are.

    `about`: of a directory that is followed, which of roles and entitlements are spoken of; the second value tells whether that was taken.
    """
    active: bool | None = fields.active
    if active and returns.is_kept_out(member):
        notices.add(_KEPT_OUT, "active", "left as it is")
        active = None
    external_id = row.external_id if keep_external_id and fields.external_id is None else fields.external_id
    says_more = about is not None or _asserts_anew(row, fields) or external_id != row.external_id
    leaving = who.leaving if row.active and active is False and not says_more else None
    member = members.change_locked(
        member,
        actor=who.actor,
        user_name=fields.user_name,
        profile=following.without(who.directory, fields.profile),
        active=active,
        directory=who.directory,
        external_id=members.UNSET if external_id == row.external_id else external_id,
        reason=_REASON,
        leaving=leaving,
    )
    was_taken = True
    if leaving is not None:
        return row_of(member, external_id, row.groups), was_taken
    if about is not None:
        following.note_unused(row.profile, fields.profile, notices)
        was_taken = following.assert_anew(member, fields.profile, about, actor=who.actor, notices=notices)
    elif _asserts_anew(row, fields):
        asserted.apply(member, fields.profile, actor=who.actor, notices=notices)
    if row.active and not member.is_active:
        burst_guard.note(who.directory, [row.id], Departure.Kind.SUSPEND, actor=who.actor)
    elif member.is_active and not row.active:
        burst_guard.note_return(who.directory, row.id)
    if external_id is not None and external_id != row.external_id and welcome(who, member, external_id):
        return found(who, row.id), was_taken
    return following.seen(who.directory, [row_of(member, external_id, row.groups)])[0], was_taken


def deleted(who: Caller, row: UserRow, member: Member) -> None:
    """Offboard a person, who is locked, and remember that the directory itself deleted them; where its settings say so, only suspend them.

    Somebody who was a try of the connection does not come back.
    """
    keeps = effective(who.directory.settings)["deletes_suspend"]
    if who.deleting is not None and not keeps:
        who.deleting.append(member)
    elif keeps and not burst_guard.was_on_trial(who.directory, row.id, row.created_at):
        if member.is_active:
            exits.suspend_locked(member, actor=who.actor, reason=DELETED)
            burst_guard.note(who.directory, [row.id], Departure.Kind.SUSPEND, actor=who.actor)
    elif not burst_guard.note_deletion(
        who.directory, row.id, is_active=row.active, arrived=row.created_at, actor=who.actor
    ):
        offboarding.offboard_locked(member, actor=who.actor, reason=DELETED, tombstone=who.directory)
    elif member.is_active:
        # Beyond the directory's budget a deletion can still be taken back: the person is out, and an administrator decides.
        exits.suspend_locked(member, actor=who.actor, reason=HELD)


def leaving(who: Caller) -> Leaving:
    """Return what takes in those of a lot who are suspended, of whom no more is said than that and attributes; their rows are held."""
    return Leaving(actor=who.actor, reason=_REASON)


def let_go(who: Caller, leaving: Leaving) -> None:
    """Suspend them at the end of the lot."""
    leaving.write()
    burst_guard.note(
        who.directory, [each.pk for each in leaving.members], Departure.Kind.SUSPEND, actor=who.actor
    )


def _asserts_anew(row: UserRow, fields: MemberFields) -> bool:
    return any(row.profile.get(name) != fields.profile.get(name) for name in asserted.ATTRIBUTES)


def refuse_kept_out(notices: Notices) -> None:
    """Refuse a PATCH that wanted somebody in whom an administrator suspended, and changed nothing else. ScimError suspended_here."""
    if any(each.code == _KEPT_OUT for each in notices.found):
        raise ScimError(Code.SUSPENDED_HERE)


def row_of(member: Member, external_id: str | None, groups: list[dict[str, str]] | None = None) -> UserRow:
    """Return a member whom we have just written, without reading them again."""
    return UserRow(
        member.pk,
        member.user_name,
        member.profile,
        member.is_active,
        member.version,
        member.created_at,
        member.changed_at,
        external_id,
        groups,
    )


def welcome(who: Caller, member: Member, external_id: str | None) -> bool:
    """Let somebody who has just come into the groups that the directory named them for before; tell whether there were any."""
    values = [str(member.pk), external_id] if external_id else [str(member.pk)]
    waiting = PendingMembership.objects.filter(
        organization=who.organization, directory=who.directory, value__in=values
    )
    if not waiting.exists():
        return False
    groups.join_pending(member, who.directory, values, actor=who.actor)
    return True
