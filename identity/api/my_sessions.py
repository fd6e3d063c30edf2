"""One's own sessions: the browsers in which one is signed in, and how long this one lasts."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import browser, sessions, tenancy
from identity.api.permissions import ANYBODY
from identity.api.sessions import ShownSession
from identity.api.view import ApiView, describe
from identity.errors import Forbidden, NotFound
from identity.models import Member, Session


class MySession(serializers.Serializer[Any]):
    """The session of this browser. `not_after` is the end that the identity provider set, beyond which nothing extends it."""

    id = serializers.UUIDField()
    started_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    not_after = serializers.DateTimeField(allow_null=True)


class _Mine(ApiView):
    """What belongs to the member who calls, by session or token."""

    @property
    def member(self) -> Member:
        """Return who calls. Raises Forbidden for a directory and for the operator token, which are nobody."""
        if self.caller.member is None:
            raise Forbidden("Only a member has sessions: sign in, or send a member's token.")
        return self.caller.member


class MySessions(_Mine):
    """One's own sessions."""

    needs = {"GET": ANYBODY}

    @describe("my_sessions", lists=ShownSession)
    def get(self, _request: Request) -> Response:
        """List one's open sessions."""
        with tenancy.of(self.member.organization_id):
            return self.paged(sessions.open_sessions(self.member), ShownSession)


class MyOneSession(_Mine):
    """One of one's own sessions."""

    needs = {"DELETE": ANYBODY}

    @describe("my_session_end", status=204)
    def delete(self, _request: Request, session: UUID) -> Response:
        """Sign out of that browser."""
        with tenancy.of(self.member.organization_id):
            found = sessions.open_sessions(self.member).select_related("member").filter(pk=session).first()
        if found is None:
            raise NotFound("There is no such session.")
        sessions.end(found, actor=self.actor, reason="ended_by_member")
        return Response(status=204)


class ThisSession(_Mine):
    """The session of this browser."""

    needs = {"GET": ANYBODY, "POST": ANYBODY}

    @describe("my_session", gives=MySession)
    def get(self, _request: Request) -> Response:
        """Tell when it ends."""
        return Response(MySession(self._session()).data)

    @describe("my_session_extend", gives=MySession)
    def post(self, _request: Request) -> Response:
        """Let it last for the organization's whole length from now, under a new cookie."""
        extended, value = sessions.extend(self._session(), actor=self.actor)
        response = Response(MySession(extended).data)
        browser.remember(response, value, extended)
        return response

    def _session(self) -> Session:
        found = None if self.caller.token else browser.session_of(self.request._request)  # noqa: SLF001 - the cookie is there
        if found is None:
            raise NotFound("This call came without a session: sign in with a browser.")
        return found
