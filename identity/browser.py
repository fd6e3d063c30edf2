"""Who sits at the browser: the session cookie, read on every request.

Why: docs/decisions/browser-sessions.md.
"""

from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from identity import sessions
from identity.models import Member, Session

_UNREAD = object()


class SessionMiddleware:
    """Set `request.member_session` (a Session or None) and `request.user`, both looked up when somebody asks.

    State of member, organization and session is checked on every request, so that whoever is shut out is out at once.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        request.user = SimpleLazyObject(lambda: _user(request))  # type: ignore[assignment]
        return self.get_response(request)


def session_of(request: HttpRequest) -> Session | None:
    """Return the open session of this browser, or None."""
    found = _begun(request)
    return None if found is None or found.awaits_factor else found


def awaiting_of(request: HttpRequest) -> Session | None:
    """Return the session of this browser that awaits its second factor, or None."""
    found = _begun(request)
    return found if found is not None and found.awaits_factor else None


def _begun(request: HttpRequest) -> Session | None:
    found = getattr(request, "_member_session", _UNREAD)
    if found is _UNREAD:
        found = sessions.find_begun(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))
        request._member_session = found  # type: ignore[attr-defined]  # noqa: SLF001 - the request carries it
        if found is not None:
            sessions.note_seen(found)
    return cast("Session | None", found)


def remember(response: HttpResponse, value: str, session: Session) -> None:
    """Give the browser the cookie of a session just started."""
    response.set_cookie(
        settings.SESSION_COOKIE_NAME,
        value,
        expires=session.expires_at,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def forget(response: HttpResponse) -> None:
    """Take the cookie from the browser."""
    if settings.SESSION_COOKIE_NAME not in response.cookies:
        response.delete_cookie(settings.SESSION_COOKIE_NAME, path="/", samesite="Lax")


def _user(request: HttpRequest) -> Member | AnonymousUser:
    session = session_of(request)
    return session.member if session is not None else AnonymousUser()
