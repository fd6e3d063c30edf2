"""Who is this? The one place that decides whether a person who arrives is a member already.

In order: the directory's external id › the user name among the directory's own people › the user name or the e-mail of
a member whom no directory knows yet, if the e-mail lies in a domain that the organization has proved. Anything else is a
stranger: a directory never adopts somebody else's account. A person whom an administrator moved here (identity.moves) is found by any
of these; one who was moved away is no longer this directory's to speak of.
Why: docs/decisions/who-arrives.md.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.expressions import RawSQL

from identity import domains, links, sign_on, tenancy
from identity.errors import EmailTaken, ExternalIdTaken, MovedAway, Offboarded, UserNameTaken
from identity.models import Directory, Link, Member, Organization
from identity.postgresql.flush import Rows, Statement
from identity.profile import is_same, key_of


@dataclass(frozen=True, slots=True)
class Known:
    """The member that this person is; `needs_link`: the directory has not known them so far. `awaited`: they were moved to it."""

    member: Member
    needs_link: bool = False
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class Prospect:
    """What there is as somebody arrives. `is_newcomer`: no member can be meant; if False, `find` decides.

    `awaited`: a group waits for them under their external id. `email_unique` and `defaults` are the organization's, as they are now.
    """

    is_newcomer: bool
    awaited: bool
    email_unique: bool
    defaults: dict[str, Any]


# All that a creation reads, in one question: for most who arrive nobody is meant.
_PROSPECT = """
SELECT EXISTS (SELECT 1 FROM identity_member WHERE organization_id = organization.id AND user_name_key = %(key)s)
    OR EXISTS (SELECT 1 FROM identity_link WHERE organization_id = organization.id AND directory_id = %(directory)s::uuid
                  AND external_id = %(external_id)s::text AND tombstoned_at IS NULL)
    OR EXISTS (SELECT 1 FROM identity_link WHERE organization_id = organization.id AND directory_id = %(directory)s::uuid
                  AND external_id = %(external_id)s::text AND moved_at IS NOT NULL)
    OR (%(directory)s::uuid IS NOT NULL AND %(email)s <> ''
        AND EXISTS (SELECT 1 FROM identity_member WHERE organization_id = organization.id AND email_key = %(email)s)),
       EXISTS (SELECT 1 FROM identity_pendingmembership WHERE organization_id = organization.id AND directory_id = %(directory)s::uuid
                  AND value = %(external_id)s::text),
       organization.email_unique, organization.defaults::text
  FROM identity_organization organization WHERE organization.id = %(organization)s
"""
_PROSPECT_OF_CALLER = _PROSPECT.replace("%(organization)s", tenancy.ORGANIZATION).replace(
    "%(directory)s", tenancy.DIRECTORY
)


# The same for many of a directory. Not EXISTS, which PostgreSQL may answer for many by a walk through everybody.
_MET = """
SELECT (SELECT 1 FROM identity_member WHERE organization_id = %(organization)s AND user_name_key = asked.key LIMIT 1) IS NOT NULL
    OR (SELECT 1 FROM identity_link WHERE organization_id = %(organization)s AND directory_id = %(directory)s
           AND external_id = asked.external_id AND tombstoned_at IS NULL LIMIT 1) IS NOT NULL
    OR (SELECT 1 FROM identity_link WHERE organization_id = %(organization)s AND directory_id = %(directory)s
           AND external_id = asked.external_id AND moved_at IS NOT NULL LIMIT 1) IS NOT NULL
    OR (asked.email <> ''
        AND (SELECT 1 FROM identity_member WHERE organization_id = %(organization)s AND email_key = asked.email LIMIT 1) IS NOT NULL)
    OR (SELECT 1 FROM identity_pendingmembership WHERE organization_id = %(organization)s AND directory_id = %(directory)s
           AND value = asked.external_id LIMIT 1) IS NOT NULL
  FROM unnest(%(keys)s::text[], %(external_ids)s::text[], %(emails)s::text[]) WITH ORDINALITY AS asked (key, external_id, email, place)
 ORDER BY asked.place
"""


@dataclass(frozen=True, slots=True)
class Names:
    """What somebody who arrives is looked for by: their user name and address as they are compared, and the directory's id for them."""

    key: str
    external_id: str | None
    email: str

    @classmethod
    def of(cls, external_id: str | None, user_name: str, email: str) -> "Names":
        """Return the names in the form in which they are compared."""
        return cls(key_of(user_name), external_id, key_of(email))


def met(organization_id: UUID, directory: Directory, arriving: Sequence[Names]) -> list[bool]:
    """Tell of each who arrives whether somebody here may be meant, or a group waits for them: `prospect` for many, in their order."""
    values = {
        "organization": organization_id,
        "directory": directory.pk,
        "keys": [each.key for each in arriving],
        "external_ids": [each.external_id for each in arriving],
        "emails": [each.email for each in arriving],
    }
    return [is_met for (is_met,) in tenancy.asked(_MET, values)]


def prospect(
    organization_id: UUID, directory: Directory | None, external_id: str | None, user_name: str, email: str
) -> Prospect:
    """Look around for somebody who arrives under these names."""
    values = _names(external_id, user_name, email) | {
        "organization": organization_id,
        "directory": directory.pk if directory else None,
    }
    return prospect_of(tenancy.asked(_PROSPECT, values))


def prospect_asked(external_id: str | None, user_name: str, email: str) -> Statement:
    """Return the question of `prospect` for a directory that asks (`tenancy.read_as`)."""
    return Statement(_PROSPECT_OF_CALLER, _names(external_id, user_name, email), plan="force_generic_plan")


def prospect_of(rows: Rows) -> Prospect:
    """Return what the answer to it means."""
    is_known, awaited, email_unique, defaults = rows[0]
    return Prospect(not is_known, awaited, email_unique, json.loads(defaults))


def _names(external_id: str | None, user_name: str, email: str) -> dict[str, Any]:
    return {"key": key_of(user_name), "external_id": external_id, "email": key_of(email)}


def find(
    organization: Organization,
    directory: Directory | None,
    external_id: str | None,
    user_name: str,
    email: str,
) -> Known | None:
    """Return the member that this person already is, locked, or None for a newcomer.

    Raises ExternalIdTaken or UserNameTaken if the directory already has them, active (this would create them twice); EmailTaken if
    several members could be meant; Offboarded if an administrator put them out; MovedAway if they belong to another directory now.
    """
    if directory is not None:
        if external_id:
            _refuse_moved_away(organization, directory, external_id)
        linked = _linked(directory, external_id, user_name)
        if linked is not None:
            return linked
    member = (
        Member.objects.select_for_update(no_key=True)
        .filter(organization=organization, user_name_key=key_of(user_name))
        .exclude(state=Member.State.OFFBOARDED)
        .first()
    )
    if member is None:
        return _by_email(organization, directory, email) if directory is not None else None
    if directory is None:
        raise UserNameTaken("Another member already has this user name.", field="user_name")
    _refuse_unadoptable(member, user_name, email)
    return Known(member, needs_link=True)


def _refuse_unadoptable(member: Member, user_name: str, email: str) -> None:
    """Raise UserNameTaken where a directory may not take over the member who has this user name, and say what would let it."""
    owner = links.of_member(member).values_list("directory__name", flat=True).first()
    is_theirs = is_same(email, member.email) or is_same(email, member.user_name)
    whose = "Somebody here, of no directory, has this user name"
    if owner is not None:
        whose = f"Somebody of the directory “{owner}” has this user name"
        remedy = "move them here in Rollcall, or unassign them from one of the two"
    elif not email:
        remedy = "send their e-mail address too, in a domain that is proved in Rollcall"
    elif not domains.has_proved(member.organization_id, email):
        domain = email.rpartition("@")[2]
        remedy = f"prove the domain {domain} in Rollcall, and this directory may take them over"
    elif is_theirs and is_same(user_name, member.user_name):
        if not sign_on.is_break_glass(member):
            return
        whose = (
            "The organization's break-glass administrator, whom no directory may shut out, has this user name"
        )
        remedy = "name another one in Rollcall, or unassign them there"
    else:
        whose += " with another e-mail address"
        remedy = "give both the same address if they are one person, else another user name"
    raise UserNameTaken(f"{whose}: {remedy}.", field="user_name")


def met_by_email(organization: Organization, directory: Directory, emails: Collection[str]) -> set[str]:
    """Return those of the addresses (folded) by which the directory's newcomer would be somebody who is here: `_by_email` for many."""
    # One parameter: Django and PostgreSQL would read a thousand one by one.
    asked = RawSQL("SELECT unnest(%s::text[])", [list(emails)])
    here = (
        Member.objects.filter(
            ~_bound(organization, directory), organization=organization, email_key__in=asked
        )
        .filter(password__startswith=UNUSABLE_PASSWORD_PREFIX)
        .exclude(state=Member.State.OFFBOARDED)
    )
    found = set(here.values_list("email_key", flat=True))
    return {email for email in found if domains.has_proved(organization.pk, email)}


def _by_email(organization: Organization, directory: Directory, email: str) -> Known | None:
    """Return the one member whom no directory has, or this one awaits, by their address, if it lies in a proved domain.

    Raises EmailTaken for several, and for an address that only looks like it.

    Whoever came by sign-in or by hand may be called by another name here. A directory's people are not looked at: identity
    providers push second accounts with the same mailbox, and these are members of their own. Nor is anybody with a password: they
    would be renamed by the directory and no longer get in by the name they know, a break-glass administrator among them.
    """
    if not email or not domains.has_proved(organization.pk, email):
        return None
    found = list(
        Member.objects.select_for_update(no_key=True, of=("self",))
        .filter(~_bound(organization, directory), organization=organization, email_key=key_of(email))
        .filter(password__startswith=UNUSABLE_PASSWORD_PREFIX)
        .exclude(state=Member.State.OFFBOARDED)[:2]
    )
    if len(found) > 1:
        message = "Several members have this e-mail address: give each an address of their own, or offboard those who are not meant."
        raise EmailTaken(message, field="email")
    if found and not is_same(email, found[0].email):
        message = "Somebody here has an address that only looks like this one: compare them letter by letter."
        raise EmailTaken(message, field="email")
    if not found:
        return None
    awaited = Link.objects.filter(organization=organization, directory=directory, member=found[0])
    return Known(found[0], needs_link=True, awaited=awaited.filter(tombstoned_at__isnull=True).exists())


def _bound(organization: Organization, directory: Directory) -> Exists:
    """Whether a member (the outer row) is a directory's; whom this one awaits without an id is not yet."""
    live = Link.objects.filter(organization=organization, member=OuterRef("pk"), tombstoned_at__isnull=True)
    return Exists(live.exclude(directory=directory, moved_at__isnull=False, external_id__isnull=True))


def _refuse_moved_away(organization: Organization, directory: Directory, external_id: str) -> None:
    moved = Link.objects.filter(
        organization=organization, directory=directory, external_id=external_id, moved_at__isnull=False
    )
    if moved.filter(tombstoned_at__isnull=False).exists():
        raise MovedAway(
            "This person was moved to another directory: this one's word about them counts no more. Move them back if it should."
        )


def _linked(directory: Directory, external_id: str | None, user_name: str) -> Known | None:
    live = links.of_directory(directory)
    row = live.filter(external_id=external_id).first() if external_id else None
    if row is None:
        row = _of_same_name(live, user_name)
        if row is not None and row.external_id and external_id:
            # The name is the same, the directory's own id is not: another person.
            if row.member.state == Member.State.OFFBOARDED:
                return None
            raise UserNameTaken(_of_another_id(row.member), field="user_name")
    if row is None:
        return None
    member = Member.objects.select_for_update(no_key=True).get(pk=row.member_id)
    if member.state == Member.State.OFFBOARDED:
        if not live.filter(pk=row.pk).exists():
            # The directory itself deleted them while we waited for their row: whoever it means now is somebody else.
            return _linked(directory, external_id, user_name)
        message = "This person is offboarded: only an administrator can reinstate them, in the console or by the API."
        raise Offboarded(message)
    if row.moved_at is not None:
        return Known(member, needs_link=True, awaited=True)
    if member.state == Member.State.ACTIVE:
        if external_id and row.external_id == external_id:
            message = "Somebody of this directory already has this external id."
            raise ExternalIdTaken(message, field="external_id")
        message = "Somebody of this directory already has this user name."
        raise UserNameTaken(message, field="user_name")
    return Known(member)


def _of_another_id(member: Member) -> str:
    whose = "Somebody of this directory"
    remedy = "give one of the two another user name, or offboard the former in Rollcall"
    if member.state == Member.State.SUSPENDED:
        whose = "Somebody of this directory who is suspended"
        remedy = "in Rollcall, offboard them if this is somebody new, else move them to the new id"
    return f"{whose} has this user name, under another external id: {remedy}."


def _of_same_name(live: QuerySet[Link], user_name: str) -> Link | None:
    """Return the link by user name; of an offboarded one and whoever has their name now, it is the latter's."""
    found = live.filter(member__user_name_key=key_of(user_name)).select_related("member")
    return min(
        found.order_by("-linked_at"),
        key=lambda link: link.member.state == Member.State.OFFBOARDED,
        default=None,
    )
