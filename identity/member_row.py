"""A member's row: locked, filled, saved, and named in the record."""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, Subject, record_with, with_entries
from identity import rows, tenancy
from identity.models import Member, Organization
from identity.profile import check_user_name, differences, display_name_of, email_of, key_of

_LOCK: Final = "SELECT to_jsonb(member)::text FROM identity_member member WHERE id = %s FOR NO KEY UPDATE"
_SAVED: Final = (
    "id", "organization_id", "user_name", "user_name_key", "email", "email_key", "email_claim", "display_name", "version", "changed_at",
)  # fmt: skip
_CHANGE: Final = with_entries("""
changed AS (
  UPDATE identity_member
     SET user_name = %(user_name)s, user_name_key = %(user_name_key)s, profile = %(profile)s::jsonb, email = %(email)s,
         email_key = %(email_key)s, email_claim = %(email_claim)s, display_name = %(display_name)s, version = %(version)s,
         changed_at = %(changed_at)s
   WHERE organization_id = %(organization_id)s AND id = %(id)s
)""")


def known_by(member: Member) -> tuple[str, str]:
    """Return by what a member is found at the door: whoever changes these can get in as them."""
    return member.user_name_key, member.email_key


def lock(member: Member | UUID) -> Member:
    """Lock the member's row for the transaction and return it; the tenancy must be set."""
    found = tenancy.asked(_LOCK, [member.pk if isinstance(member, Member) else member])
    if not found:
        raise Member.DoesNotExist
    return rows.loaded(Member, json.loads(found[0][0]))


def subject_of(member: Member) -> Subject:
    """Return the member as the record names them."""
    return Subject("member", str(member.pk), member.user_name)


def made(organization: Organization, now: datetime, *, active: bool) -> Member:
    """Return a member who has just come, unwritten and without a name. No password is theirs: said by Django's own way that costs much."""
    member = rows.made(
        Member, organization_id=organization.pk, password=UNUSABLE_PASSWORD_PREFIX + secrets.token_hex(20), created_at=now,
        changed_at=now, state=Member.State.ACTIVE if active else Member.State.SUSPENDED, suspended_at=None if active else now,
    )  # fmt: skip
    member.organization = organization
    return member


def assign(
    member: Member,
    user_name: str | None,
    profile: Mapping[str, Any] | None,
    *,
    email_unique: bool | None = None,
) -> dict[str, list[Any]]:
    """Set the fields and what derives from them on the object (not saved), and return what differs as {path: [old, new]}."""
    changes: dict[str, list[Any]] = {}
    email_key = member.email_key
    if user_name is not None:
        user_name = check_user_name(user_name)
        if user_name != member.user_name:
            changes["user_name"] = [member.user_name or None, user_name]
            member.user_name, member.user_name_key = user_name, key_of(user_name)
    if profile is not None:
        changes |= differences(member.profile, profile)
        member.profile = dict(profile)
    if changes:
        member.email = email_of(member.profile)
        member.email_key = key_of(member.email)
        member.display_name = display_name_of(member.profile, member.user_name)
        if email_unique is None and member.email_key != email_key:
            email_unique = Organization.objects.values_list("email_unique", flat=True).get(
                pk=member.organization_id
            )
        # The claim to an address that stays is the organization's, which sets it for everybody when it begins or ends to want one.
        if email_unique is not None:
            member.email_claim = member.email_key if email_unique and member.email_key else None
    return changes


def save(member: Member, actor: Actor, changes: Mapping[str, Any]) -> None:
    """Write what was assigned to a locked member, and the entry that says what differs; the version grows by one."""
    member.version += 1
    member.changed_at = timezone.now()
    values = {name: getattr(member, name) for name in _SAVED}
    # Not orjson's: people's profiles may hold whole numbers past 64 bits.
    values["profile"] = json.dumps(member.profile, ensure_ascii=False)
    line = Line(Event.MEMBER_CHANGE, member.organization_id, actor, subject_of(member), changes=changes)
    record_with(_CHANGE, values, [line])
