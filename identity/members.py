"""Verbs on members: how a person comes in, changes, goes and comes back. Every path calls these."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import (
    alarms,
    arrivals,
    credential_ends,
    exits,
    first_defaults,
    links,
    matching,
    member_row,
    offboarding,
    passwords,
    returns,
    tenancy,
)
from identity.errors import Conflict, Offboarded, SuspendedHere
from identity.handing_out import Holder, refuse_stronger_person
from identity.models import Directory, Member, Organization
from identity.offboarding import Receipt
from identity.profile import check_length, check_user_name, email_of

_Unset = Literal["unset"]
UNSET: _Unset = "unset"


@dataclass(frozen=True, slots=True)
class Provisioned:
    """The member, and whether this call created them, brought a suspended one back, or linked one that was here.

    `awaited` says of one who was created whether groups wait for them.
    """

    member: Member
    created: bool = False
    revived: bool = False
    linked: bool = False
    awaited: bool = False


def provision(  # noqa: PLR0913 - so much can be said of a newcomer, all of it by name
    organization: Organization,
    *,
    actor: Actor,
    user_name: str,
    profile: Mapping[str, Any] | None = None,
    active: bool = True,
    directory: Directory | None = None,
    external_id: str | None = None,
    defaults: Mapping[str, Any] | None = None,
    defaults_origin: str = "directory_default",
    onto: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
    seen: matching.Prospect | None = None,
) -> Provisioned:
    """Bring a person in: create the member, or revive or link the one that this person already is (identity.matching).

    `defaults` are the source's first permissions (a directory's own are taken by themselves). `onto` returns what the profile of one
    who is here already comes to, given what it was; without it `profile` takes its place. `seen` is what there was under these names
    a moment ago, where the caller has asked. Raises Invalid, UserNameTaken, EmailTaken, ExternalIdTaken, MovedAway, and
    Offboarded or SuspendedHere where an administrator has put this person out.
    """
    user_name = check_user_name(user_name)
    if external_id is not None:
        check_length(external_id, "external_id", "An external id")
    profile = dict(profile or {})
    with tenancy.change(organization):
        email = email_of(profile)
        seen = seen or matching.prospect(organization.pk, directory, external_id, user_name, email)
        if not seen.is_newcomer:
            known = matching.find(organization, directory, external_id, user_name, email)
            if known is not None:
                if profile and onto is not None:
                    profile = dict(onto(known.member.profile))
                return _take_back(known, actor, user_name, profile, active, directory, external_id)
        ready = arrivals.worked_out(
            organization, actor=actor, user_name=user_name, profile=profile, active=active, directory=directory,
            external_id=external_id, origin=defaults_origin, email_unique=seen.email_unique,
        )  # fmt: skip
        arrivals.write(ready)
        member = ready.newcomers[0].member
        source = directory.defaults if directory is not None and defaults is None else defaults
        first_defaults.give(
            member, actor=actor, source=source, fallback=seen.defaults, origin=defaults_origin
        )
    return Provisioned(member, created=True, awaited=seen.awaited)


def change(
    member: Member,
    *,
    actor: Actor,
    user_name: str | None = None,
    profile: Mapping[str, Any] | None = None,
    active: bool | None = None,
    directory: Directory | None = None,
    external_id: str | _Unset | None = UNSET,
    expected_version: int | None = None,
    reason: str = "",
    holder: Holder | None = None,
) -> Member:
    """Change what is given and return the member as it then is; `profile` replaces the whole profile.

    `active` False suspends, True reactivates. `external_id` is the one of `directory`. Nothing different: nothing is
    written. `holder` is the person who acts: user name and address of somebody who may do more are not theirs to change.
    Raises Invalid, UserNameTaken, EmailTaken, ExternalIdTaken, Offboarded (also for one who was erased: what was forgotten is not written
    anew), SuspendedHere (a directory reactivates), Forbidden, and Conflict if `expected_version` differs.
    """
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        _refuse_erased(locked)
        if expected_version is not None and locked.version != expected_version:
            raise Conflict(f"The member is of version {locked.version} by now: read it again.")
        return change_locked(
            locked,
            actor=actor,
            user_name=user_name,
            profile=profile,
            active=active,
            directory=directory,
            external_id=external_id,
            reason=reason,
            holder=holder,
        )


def change_locked(
    locked: Member,
    *,
    actor: Actor,
    user_name: str | None = None,
    profile: Mapping[str, Any] | None = None,
    active: bool | None = None,
    directory: Directory | None = None,
    external_id: str | _Unset | None = UNSET,
    reason: str = "",
    holder: Holder | None = None,
    leaving: exits.Leaving | None = None,
) -> Member:
    """Do so to a member whose row the caller has locked and just read, in the caller's transaction (`tenancy.change` or `whole`).

    `leaving` takes in whoever is to be suspended; the caller writes them.
    """
    known_as = member_row.known_by(locked)
    changes = member_row.assign(locked, user_name, profile)
    if holder is not None and member_row.known_by(locked) != known_as:
        refuse_stronger_person(holder, locked, "user_name" if "user_name" in changes else "email")
    if directory is not None and external_id != UNSET:
        changes |= links.rename(locked, directory, external_id)
    if changes:
        member_row.save(locked, actor, changes)
    if active is False and locked.state == Member.State.ACTIVE:
        if leaving is not None:
            leaving.add(locked)
        else:
            exits.suspend_locked(locked, actor=actor, reason=reason)
    elif active is True and locked.state != Member.State.ACTIVE:
        _reactivate_locked(locked, actor=actor, reason=reason, by_directory=directory is not None)
    return locked


def suspend(
    member: Member, *, actor: Actor, reason: str = "", despite_last_administrator: bool = False
) -> Member:
    """Shut the member out; grants, roles and groups stay and are dormant. The grace period begins. Raises LastAdministrator.

    Of one whom a machine has suspended a person may say so too: then no machine lets them in again.
    """
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        alarms.refuse_last_administrator(locked, actor=actor, despite=despite_last_administrator)
        if locked.state == Member.State.ACTIVE:
            exits.suspend_locked(locked, actor=actor, reason=reason)
        elif actor.kind in returns.PEOPLE and returns.is_suspended_by_machine(locked):
            exits.keep_out_locked(locked, actor=actor, reason=reason)
    return locked


def reactivate(member: Member, *, actor: Actor, reason: str = "") -> Member:
    """Let a suspended member in again, with everything they had. Raises Offboarded, SuspendedHere (a directory, after a person)."""
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        if locked.state != Member.State.ACTIVE:
            _reactivate_locked(locked, actor=actor, reason=reason)
    return locked


def offboard(
    member: Member,
    *,
    actor: Actor,
    reason: str = "",
    tombstone: Directory | None = None,
    despite_last_administrator: bool = False,
) -> Receipt:
    """End everything the member holds, for good, and return the receipt. `tombstone`: this directory deleted them.

    Raises LastAdministrator.
    """
    signalled_at = timezone.now()
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        alarms.refuse_last_administrator(locked, actor=actor, despite=despite_last_administrator)
        return offboarding.offboard_locked(
            locked, actor=actor, reason=reason, tombstone=tombstone, signalled_at=signalled_at
        )


def reinstate(member: Member, *, actor: Actor, with_access: bool, reason: str = "") -> Member:
    """Bring an offboarded member back, with or without what they had when they were offboarded. An administrator's act.

    Raises UserNameTaken where somebody else has the user name by now, and Offboarded for one who was erased.
    """
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        _refuse_erased(locked)
        if locked.state == Member.State.SUSPENDED:
            _reactivate_locked(locked, actor=actor, reason=reason)
        elif locked.state == Member.State.OFFBOARDED:
            returns.reinstate_locked(locked, actor=actor, with_access=with_access, reason=reason)
    return locked


def set_password(member: Member, password: str, *, actor: Actor) -> None:
    """Set the password for local sign-in and end every session of the member. Raises Invalid (identity.passwords)."""
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        passwords.check(locked, password)
        locked.password = make_password(passwords.normal(password))
        locked.save(update_fields=["password"])
        credential_ends.end_sessions(locked, actor=actor, reason="password")
        record(
            Event.MEMBER_PASSWORD,
            organization_id=locked.organization_id,
            actor=actor,
            subject=member_row.subject_of(locked),
        )


def _take_back(
    known: matching.Known,
    actor: Actor,
    user_name: str,
    profile: dict[str, Any],
    active: bool,  # noqa: FBT001 - private, and always named by its variable
    directory: Directory | None,
    external_id: str | None,
) -> Provisioned:
    member = known.member
    if directory is not None and known.needs_link:
        links.make(member, directory, external_id)
        record(
            Event.MEMBER_LINK,
            organization_id=member.organization_id,
            actor=actor,
            subject=member_row.subject_of(member),
            data={"directory": str(directory.pk), "external_id": external_id or ""},
        )
    revived = active and not known.needs_link and member.state == Member.State.SUSPENDED
    member = change(
        member,
        actor=actor,
        user_name=user_name,
        profile=profile or None,
        # A directory that adopts a suspended member doesn't thereby let them in again; whom it shall have from now on it may shut out.
        active=None if known.needs_link and (active or not known.awaited) else active,
        directory=directory,
        external_id=external_id if external_id is not None else UNSET,
    )
    return Provisioned(member, revived=revived, linked=known.needs_link)


def _refuse_erased(member: Member) -> None:
    if member.erased_at is not None:
        raise Offboarded("This person was erased: nobody knows any more who they were. Bring them in anew.")


def _reactivate_locked(member: Member, *, actor: Actor, reason: str, by_directory: bool = False) -> None:
    if member.state == Member.State.OFFBOARDED:
        message = "This person is offboarded: only an administrator can reinstate them, in the console or by the API."
        raise Offboarded(message, field="active")
    if (by_directory or actor.kind == "directory") and returns.is_kept_out(member):
        message = "An administrator suspended this person: only an administrator lets them in again, in the console or by the API."
        raise SuspendedHere(message, field="active")
    returns.let_in_locked(member, actor=actor, event=Event.MEMBER_REACTIVATE, reason=reason)
