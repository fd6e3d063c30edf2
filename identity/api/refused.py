"""Refused requests in the record: by whom, where and why, whenever we know who asked."""

from typing import Any

from rest_framework.request import Request

from audit import context
from audit.events import Event
from audit.record import Actor, Subject, record
from identity import organizations, tenancy
from identity.api.authentication import RefusedToken, caller_of
from identity.models import Organization


class Stranger(Exception):
    """Not an answer by itself, but why one is "not found": the address names another organization than the credential's."""


def note(request: Request, view: Any, error: Exception, status: int, code: str, field: str) -> None:
    """Record a refused request, in a transaction of its own: the request's own is rolled back.

    A reader's slips (a misspelt filter, an id that is gone) are answered and forgotten. Recorded are refused rights, addresses of
    another organization, dead tokens, and changes that failed.
    """
    is_read = request.method in {"GET", "HEAD"}
    if is_read and status not in {401, 403} and not isinstance(error.__cause__, Stranger):
        return
    known = _who(request, view, error)
    if known is None:
        return
    actor, organization = known
    route = request.resolver_match.route if request.resolver_match else ""
    with tenancy.change(organization):
        record(
            Event.API_REFUSE,
            organization_id=organization.pk,
            actor=actor,
            subject=Subject("request", context.current().request_id, f"{request.method} {route}"),
            outcome="refused",
            reason=code,
            data={"method": request.method, "route": route, "status": status, "field": field},
        )


def _who(request: Request, view: Any, error: Exception) -> tuple[Actor, Organization] | None:
    """Return the actor and the organization whose record tells of it; None for somebody unknown."""
    if isinstance(error, RefusedToken):
        return error.found.actor, error.found.organization
    caller = caller_of(request)
    if caller is None:
        return None
    # An operator's slip outside any organization belongs to the operators' own record.
    organization = getattr(view, "organization", None) or caller.organization or organizations.operating()
    return (caller.acting_in(organization), organization) if organization else None
