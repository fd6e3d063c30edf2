"""How an organization's people sign in: by single sign-on alone or also with a password, and how they find the door."""

from typing import Any

from django.contrib.auth.hashers import is_password_usable
from django.db import IntegrityError

from audit.events import Event
from audit.record import Actor, record
from identity import domains, links, rows, tenancy
from identity.errors import Invalid, NameTaken, constraint_of
from identity.models import Domain, Member, Organization
from identity.organizations import lock, subject_of
from identity.roles import ADMINISTRATOR, administrators

_FIELDS = ("sign_on", "break_glass_id", "sso_identifier", "start_here")


def change(organization: Organization, *, actor: Actor, **values: Any) -> Organization:
    """Change what `_FIELDS` names; returns the organization as it then is.

    With `sign_on` "single_sign_on" only the break-glass administrator may use a password, so there must be one. Whether a connection
    is switched on, so that the others can come in at all, is checked by `saml.sign_on`. Raises Invalid, NameTaken.
    """
    unknown = sorted(set(values) - set(_FIELDS))
    if unknown:
        raise Invalid(f"These cannot be changed: {', '.join(unknown)}.", field=unknown[0])
    _check(organization, values)
    try:
        with tenancy.change(organization):
            return _change_locked(organization, actor, values)
    except IntegrityError as error:
        if constraint_of(error) != "organization_sso_identifier":
            raise
        raise NameTaken(
            "Another organization already has this SSO identifier.", field="sso_identifier"
        ) from error


def password_refusal(member: Member) -> str:
    """Return why this member may not sign in with a password ("single_sign_on_only"), or an empty text."""
    organization = member.organization
    if organization.sign_on != Organization.SignOn.SINGLE_SIGN_ON or is_break_glass(member):
        return ""
    return "single_sign_on_only"


def is_break_glass(member: Member) -> bool:
    """Tell whether the member's password sign-in is the one kept for emergencies, and in force as such."""
    organization = member.organization
    only = organization.sign_on == Organization.SignOn.SINGLE_SIGN_ON
    return only and organization.break_glass_id == member.pk


def candidates(organization: Organization) -> list[Member]:
    """Return the members who could be the break-glass administrator, by user name; the tenancy must be set."""
    holders = administrators(organization.pk).values("member_id")
    found = Member.objects.filter(organization=organization, pk__in=holders).order_by("user_name_key")
    return [member for member in found if not unfit(member)]


def unfit(member: Member) -> str:
    """Return in a sentence why the member cannot be the break-glass administrator, or an empty text; the tenancy must be set."""
    if not member.is_active:
        return "The break-glass administrator is not active."
    if not administrators(member.organization_id).filter(member=member).exists():
        return f"The break-glass administrator needs the role {ADMINISTRATOR}."
    if not is_password_usable(member.password):
        return "The break-glass administrator has no password."
    if links.of_member(member).exists():
        return "The break-glass administrator comes from a directory, which could shut them out: name a local one."
    return ""


def _check(organization: Organization, values: dict[str, Any]) -> None:
    if values.get("sign_on", Organization.SignOn.ALSO_PASSWORD) not in Organization.SignOn.values:
        raise Invalid(f"sign_on is one of {', '.join(Organization.SignOn.values)}.", field="sign_on")
    if not isinstance(values.get("start_here", True), bool):
        raise Invalid("start_here is true or false.", field="start_here")
    if values.get("sso_identifier") is not None:
        values["sso_identifier"] = domains.clean_name(values["sso_identifier"], field="sso_identifier")
        with tenancy.everywhere("whether somebody else has proved the name"):
            proved = Domain.objects.filter(name=values["sso_identifier"], proved_at__isnull=False)
            if proved.exclude(organization=organization).exists():
                message = "Another organization has proved this domain."
                raise NameTaken(message, field="sso_identifier")


def _change_locked(organization: Organization, actor: Actor, values: dict[str, Any]) -> Organization:
    locked = lock(organization)
    changes = rows.assign(locked, values)
    if not changes:
        return locked
    if {"sign_on", "break_glass_id"} & set(changes):
        _check_break_glass(locked)
    locked.save(update_fields=list(changes))
    record(
        Event.ORGANIZATION_SIGN_ON,
        organization_id=locked.pk,
        actor=actor,
        subject=subject_of(locked),
        changes=changes,
    )
    return locked


def _check_break_glass(organization: Organization) -> None:
    """Refuse single sign-on alone without somebody who comes in when the identity provider does not answer."""
    if organization.break_glass_id is None:
        if organization.sign_on == Organization.SignOn.SINGLE_SIGN_ON:
            message = "Name a break-glass administrator first: somebody local whose password still works when single sign-on fails."
            raise Invalid(message, field="break_glass")
        return
    member = (
        Member.objects.select_for_update(no_key=True)
        .filter(organization=organization, pk=organization.break_glass_id)
        .first()
    )
    reason = "There is no such member." if member is None else unfit(member)
    if reason:
        raise Invalid(reason, field="break_glass")
