"""Ending a member's session, token, second factor or identity at a connection from the member's page."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from console.access import Visit
from console.answers import done
from console.members import find
from identity import second_factors, sessions, tokens
from identity.errors import Forbidden
from identity.handing_out import refuse_stronger_person
from identity.models import Session, Token
from saml import subjects
from saml.models import Connection


def end_session(visit: Visit, member: UUID, session: UUID) -> HttpResponse:
    """End one browser's session."""
    found = get_object_or_404(
        Session.objects.select_related("member"),
        organization=visit.organization,
        member=find(visit, member),
        pk=session,
    )
    sessions.end(found, actor=visit.actor, reason="ended_by_administrator")
    return done(visit, "The session has ended.", "member", member=member)


def revoke_token(visit: Visit, member: UUID, token: UUID) -> HttpResponse:
    """Revoke one token."""
    found = get_object_or_404(Token, organization=visit.organization, member=find(visit, member), pk=token)
    tokens.revoke(found, actor=visit.actor, reason="revoked_by_administrator")
    return done(visit, f"The token {found.prefix} is revoked.", "member", member=member)


def reset_second_factor(visit: Visit, member: UUID) -> HttpResponse:
    """Remove the authenticator app of somebody who lost it. Nobody opens the way to more than they may do themselves."""
    found = find(visit, member)
    try:
        refuse_stronger_person(visit, found)
    except Forbidden as refusal:
        raise PermissionDenied(
            "This member may do more than you. Ask somebody with the same roles to reset it."
        ) from refusal
    removed = second_factors.remove(found, actor=visit.actor, reason="reset_by_administrator")
    said = (
        "The second factor is removed. Its owner is written to." if removed else "There was none to remove."
    )
    return done(visit, said, "member", member=member)


def unlink(visit: Visit, member: UUID, connection: UUID) -> HttpResponse:
    """Forget what an identity provider calls the member, as for somebody who was renamed there: their next sign-in is matched anew."""
    found = find(visit, member)
    at = get_object_or_404(Connection, organization=visit.organization, pk=connection)
    unlinked = subjects.unlink(at, found.pk, actor=visit.actor)
    said = (
        f"Unlinked: {at.name} may call this person by another name now."
        if unlinked
        else "There was nothing to unlink."
    )
    return done(visit, said, "member", member=member)
