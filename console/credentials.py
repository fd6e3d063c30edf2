"""Ending a member's session or token from the member's page."""

from uuid import UUID

from django.http import Http404, HttpResponse

from console.access import Visit
from console.answers import done
from console.members import find
from identity import sessions, tokens
from identity.models import Session, Token


def end_session(visit: Visit, member: UUID, session: UUID) -> HttpResponse:
    """End one browser's session."""
    found = (
        Session.objects.select_related("member")
        .filter(organization=visit.organization, member=find(visit, member), pk=session)
        .first()
    )
    if found is None:
        raise Http404
    sessions.end(found, actor=visit.actor, reason="ended_by_administrator")
    return done(visit, "The session has ended.", "member", member=member)


def revoke_token(visit: Visit, member: UUID, token: UUID) -> HttpResponse:
    """Revoke one token."""
    found = Token.objects.filter(
        organization=visit.organization, member=find(visit, member), pk=token
    ).first()
    if found is None:
        raise Http404
    tokens.revoke(found, actor=visit.actor, reason="revoked_by_administrator")
    return done(visit, f"The token {found.prefix} is revoked.", "member", member=member)
