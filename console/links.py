"""One's own identities at the organization's identity providers: link them, confirm what came back, unlink."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from console.access import Visit
from console.answers import SeeOther, page, tell
from identity.errors import NotFound, Refusal
from saml import linking, start
from saml.models import Connection, SubjectLink
from saml.outcomes import SignInRefused
from saml.views import bind, send


@dataclass(frozen=True, slots=True)
class Row:
    """One connection, since when the member is linked, and what they may do about it."""

    connection: Connection
    linked_at: datetime | None
    may_link: bool
    may_unlink: bool


def rows(visit: Visit) -> list[Row]:
    """Return the connections that concern the visitor: those that are on, and those that they are linked to."""
    linked = dict(
        SubjectLink.objects.filter(organization=visit.organization, member=visit.member).values_list(
            "connection_id", "linked_at"
        )
    )
    found = Connection.objects.filter(organization=visit.organization).select_related("organization")
    return [
        Row(
            connection,
            linked.get(connection.pk),
            not linking.refusal_to_begin(connection, visit.member),
            connection.pk in linked and linking.may_unlink(visit.member),
        )
        for connection in found.order_by("name")
        if connection.active or connection.pk in linked
    ]


def begin(visit: Visit, connection: UUID) -> HttpResponse:
    """Go to the identity provider, to come back as somebody there."""
    found = _find(visit, connection)
    if reason := linking.refusal_to_begin(found, visit.member):
        return _refused(visit, reason)
    try:
        message, attempt, nonce = start.begin(found, reverse("my_link"), linker=visit.session)
    except SignInRefused:
        return _refused(
            visit, "This connection is not ready. Ask an administrator to look at the sign-in log."
        )
    if message.fields is not None:
        response = send(visit.request, message)
    else:
        # A page that refreshes itself, since `form-action` holds redirects after a form too.
        values = {"ways": [(found.name, message.url)], "plain_title": "Link"}
        response = render(visit.request, "console/to_identity_provider.html", values)
    bind(visit.request, response, attempt.request_id or "", nonce)
    return response


def confirm(visit: Visit) -> HttpResponse:
    """Show who the identity provider says the visitor is; a POST says "that is me"."""
    offer = linking.pending(visit.session)
    if visit.request.method != "POST":
        return page(visit, "my_link.html", {"offer": offer})
    try:
        attempt = UUID(visit.request.POST.get("attempt", ""))
        done = linking.confirm(visit.session, attempt, actor=visit.actor)
    except ValueError:
        raise Http404 from None
    except NotFound:
        return page(visit, "my_link.html", {"offer": None}, status=404)
    except Refusal as refusal:
        return _refused(visit, refusal.message)
    tell(visit, f"You are linked: from now on you can sign in through {done.connection.name}.")
    return SeeOther(reverse("me"))


def unlink(visit: Visit, connection: UUID) -> HttpResponse:
    """Forget who the visitor is at the identity provider."""
    found = _find(visit, connection)
    try:
        linking.unlink(visit.session, found, actor=visit.actor)
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        return _refused(visit, refusal.message)
    tell(visit, f"You are no longer linked to {found.name}.")
    return SeeOther(reverse("me"))


def _find(visit: Visit, connection: UUID) -> Connection:
    return get_object_or_404(
        Connection.objects.select_related("organization"), organization=visit.organization, pk=connection
    )


def _refused(visit: Visit, reason: str) -> HttpResponse:
    return page(visit, "my_link_refused.html", {"reason": reason}, status=400)
