"""The end of one's session: told a quarter of an hour before, and put off by a click."""

from django.http import HttpResponse

from console.access import Visit
from console.answers import SeeOther, page, tell
from console.sign_in import wanted_page
from identity import sessions
from identity.browser import remember
from identity.errors import Refusal


def extend(visit: Visit) -> HttpResponse:
    """Show when the session ends; a POST lets it last for its whole length again, under a new cookie."""
    if visit.posted is None:
        return page(visit, "session_end.html", {"next": wanted_page(visit.request)})
    try:
        session, value = sessions.extend(visit.session, actor=visit.actor)
    except Refusal as refusal:
        values = {"next": wanted_page(visit.request), "refused": refusal.message}
        return page(visit, "session_end.html", values, status=409)
    tell(visit, "Your session is extended.")
    response = SeeOther(wanted_page(visit.request))
    remember(response, value, session)
    return response
