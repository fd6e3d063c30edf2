"""How an organization's people sign in, as far as its connections are asked: nobody is locked out by a switch."""

from typing import Any

from audit.record import Actor
from identity import organizations, sign_on, tenancy
from identity.errors import Invalid
from identity.models import Member, Organization
from saml.models import Connection


def change(organization: Organization, *, actor: Actor, **values: Any) -> Organization:
    """Change how people sign in, as `identity.sign_on.change` does, unless no connection is on that lets them in that way.

    Raises Invalid, NameTaken.
    """
    with tenancy.change(organization):
        locked = organizations.lock(organization)
        connections = Connection.objects.filter(organization=organization, active=True)
        only = Organization.SignOn.SINGLE_SIGN_ON
        if values.get("sign_on") == only != locked.sign_on and not connections.exists():
            message = "Switch a connection on first: with single sign-on alone, nobody could come in."
            raise Invalid(message, field="sign_on")
        stops = values.get("start_here") is False and locked.start_here
        if stops and not connections.filter(allow_idp_initiated=True).exists():
            message = "Allow sign-in that begins at the identity provider on a connection that is on, first: there would be no way in."
            raise Invalid(message, field="start_here")
        return sign_on.change(organization, actor=actor, **values)


def warnings(organization: Organization) -> list[str]:
    """Return in sentences what is wrong with how people can sign in now; the tenancy must be set."""
    found = []
    connections = Connection.objects.filter(organization=organization, active=True)
    only = organization.sign_on == Organization.SignOn.SINGLE_SIGN_ON
    if only and not connections.exists():
        found.append("No connection is on: only the break-glass administrator can come in.")
    if not organization.start_here and not connections.filter(allow_idp_initiated=True).exists():
        found.append(
            "Sign-in must not begin here, and no connection that is on lets it begin at its identity provider."
        )
    if only and organization.break_glass_id is not None:
        member = Member.objects.get(organization=organization, pk=organization.break_glass_id)
        found += [reason] if (reason := sign_on.unfit(member)) else []
    return found
