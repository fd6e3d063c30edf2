"""The frame of every SCIM address: authentication before, SCIM's own errors after, refusals into the record.

What a request asks first is mostly known before we know who sends it. So a view may *foresee*: `foreseen` returns that one statement, it
travels with the look-up of the token, and its answer waits in the `Caller`. The code behind the view asks as if nothing had been foreseen
(`Caller.read`): exactly that statement is answered from there, any other one goes to PostgreSQL. Nothing but time depends on it: a view
that foresees nothing is right as well. By the methods of `holds` the foreseen statement also locks its row, in a transaction that is
opened before it.

In this order: `dispatch` asks `shares` whether the request may go with others of its moment (`_together`, whose lot calls `_carried_out_by`
for each, or `_alone` where that comes to nothing); alone it opens its `transaction`, `authenticate`s with what is `foreseen`, is `count`ed,
and goes to `handler`, the method of its verb. `_answered` stands around either way and makes SCIM's errors of refusals.
Why: docs/decisions/scim-door.md, docs/decisions/round-trips.md.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import structlog
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views import View

from audit.events import Event
from audit.record import Subject, record
from identity import conflicts, directories, tenancy, tokens
from identity.errors import Refusal, was_stopped
from identity.postgresql.flush import Statement
from identity.tokens import Found
from scim import advice, authentication, moment, profiles, protocol, request_log, throttle
from scim.authentication import Caller, Person, RefusedTokenError
from scim.call import Call
from scim.errors import Code, ScimError, of_refusal, too_slow
from scim.moment import Part, Wanted
from scim.received import has_read, read_body, read_query

_TOO_MANY = 429
_ANSWERED_BY = {"head": "get"}
_CALLER = "scim_caller"
_COUNTED = "scim_counted"

log = structlog.get_logger("rollcall.scim")


class Door(View):
    """A view of SCIM. Subclasses answer with `reply` and refuse by raising.

    Every Accept is answered in SCIM's one form: clients ask for all sorts of types and read this one.
    """

    known: Caller | None = None  # for whom a replay speaks
    logged = True  # a replay is no request of the directory's
    # What `foreseen` answers for; and what is one transaction, which begins with the question who calls: a row is found and held by it.
    foresees: frozenset[str] = frozenset({"GET", "HEAD"})
    holds: frozenset[str] = frozenset()
    # A request that PostgreSQL ended for another one's sake is done once more, but where a part of it is committed.
    begins_again = True
    # What may be carried out with others of its moment; and what such a request is about.
    gathers: frozenset[str] = frozenset()
    shared: Wanted | None = None

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Keep the request. Django's also keeps `get` as `head`: a view would hold itself, and its request, until garbage is collected."""
        self.request, self.args, self.kwargs = request, args, kwargs

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ARG002 - Django's signature
        """Answer, and write request and answer into the directory's log."""
        if not self.logged:
            return self._answered(request, lambda: self._carried_out(request, kwargs))
        with request_log.watching(request) as answered:
            self.shared = self._shared(request, kwargs)
            answered.response = (
                self._alone(request, kwargs)
                if self.shared is None
                else self._together(request, kwargs, self.shared)
            )
            return answered.response

    def authenticate(self, request: HttpRequest, named: dict[str, Any]) -> Caller | Person:
        """Return who calls. ScimError token_missing, token_shape, token_unknown; RefusedTokenError."""
        if self.shared is not None:
            return authentication.directory(request, self.shared.asked)
        asking = None
        # What cannot be foreseen, or not be asked at all, is asked or refused when we know who calls.
        with suppress(ScimError, SuspiciousOperation):
            # A row is held in an open transaction alone: the answer counts for what is there as long as it is.
            is_asked = request.method in self.foresees or tenancy.connection.stands_as_one
            if is_asked and not throttle.is_waiting(request):
                asking = self.foreseen(request, **named)
        return authentication.directory(request, asking)

    def foreseen(self, request: HttpRequest, **named: str) -> Statement | None:  # noqa: ARG002 - for those who foresee
        """Return what a request will ask first for most callers: it travels with the question who calls."""
        return None

    def shares(self, request: HttpRequest, **named: str) -> Wanted | None:  # noqa: ARG002 - for those who share
        """Return what a request is about, of those in `gathers` where it may go with others. ScimError where it is to be refused."""
        return None

    def transaction(self, request: HttpRequest) -> AbstractContextManager[None]:
        """Open the transaction of those that hold a row from the beginning, once the body is here: nobody is waited for in between."""
        holds = self.logged and request.method in self.holds and has_read(request)
        return tenancy.opened() if holds else nullcontext()

    def count(self, request: HttpRequest, who: Caller | Person) -> None:
        """Count the request against the limit of its token. ScimError too_many_requests."""
        if getattr(request, _COUNTED, False):
            return  # by its first try
        if isinstance(who, Caller):
            request_log.called(request, who)
        throttle.check(who.token)
        setattr(request, _COUNTED, True)

    def handler(self, request: HttpRequest) -> Callable[..., HttpResponse]:
        """Return the method that answers. ScimError method."""
        name = str(request.method).lower()
        found = self._method(name) if name in self.http_method_names else None
        if found is None:
            raise ScimError(Code.METHOD, {"Allow": self._allowed()}, method=str(request.method))
        handler: Callable[..., HttpResponse] = found
        return handler

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Say which methods there are (RFC 9110 §9.3.7)."""
        return HttpResponse(status=204, headers={"Allow": self._allowed()})

    def _allowed(self) -> str:
        return ", ".join(each.upper() for each in self.http_method_names if self._method(each))

    def _method(self, name: str) -> Callable[..., HttpResponse] | None:
        return getattr(self, _ANSWERED_BY.get(name, name), None)

    def _shared(self, request: HttpRequest, named: dict[str, Any]) -> Wanted | None:
        if request.method in self.gathers and has_read(request) and not throttle.is_waiting(request):
            # What is to be refused is refused when we know who calls.
            with suppress(ScimError, SuspiciousOperation):
                return self.shares(request, **named)
        return None

    def _together(self, request: HttpRequest, named: dict[str, Any], wanted: Wanted) -> HttpResponse:
        """Answer a request that is carried out with others of its moment, where there are any."""
        part = Part(
            request,
            wanted,
            lambda: self._alone(request, named),
            lambda who: self._carried_out_by(who, request, named),
        )
        return self._answered(request, lambda: moment.answered(part))

    def _alone(self, request: HttpRequest, named: dict[str, Any]) -> HttpResponse:
        """Answer a request by itself; once more where PostgreSQL ended its transaction for another one's sake."""

        def answered() -> HttpResponse:
            return self._answered(request, lambda: self._carried_out(request, named))

        return conflicts.outlived(answered) if self.begins_again else answered()

    def _carried_out(self, request: HttpRequest, named: dict[str, Any]) -> HttpResponse:
        with self.transaction(request):
            return self._carried_out_by(self.known or self.authenticate(request, named), request, named)

    def _carried_out_by(
        self, who: Caller | Person, request: HttpRequest, named: dict[str, Any]
    ) -> HttpResponse:
        setattr(request, _CALLER, who)
        if self.logged:
            self.count(request, who)
        return self.handler(request)(request, **named)

    def _answered(self, request: HttpRequest, work: Callable[[], HttpResponse]) -> HttpResponse:
        """Return what `work` answers, or refuse in SCIM's form; bugs crash and are logged."""
        try:
            return work()
        except Refusal as refusal:
            return _refused(of_refusal(refusal), request)
        except ScimError as error:
            return _refused(error, request)
        except OperationalError as error:
            if not was_stopped(error):
                raise
            route = request.resolver_match.view_name if request.resolver_match else ""
            log.warning("statement_stopped", route=route)
            is_search = request.path.endswith("/.search")
            return _refused(too_slow(read_body(request) if is_search else read_query(request)), request)


def _refused(error: ScimError, request: HttpRequest) -> HttpResponse:
    """Answer a refusal and record it where we know whose it is."""
    request_log.refused(request, error)
    _keep(error, request)
    if isinstance(who := getattr(request, _CALLER, None), Caller):
        # Where it was to be noted once the transaction is through, it never was.
        tokens.note_use(who.token)
        directories.note_heard(who.directory)
    return reply(error.document(_clicks(error, request)), error.status, error.headers)


def _clicks(error: ScimError, request: HttpRequest) -> str:
    """Return what to click in the client's product, where we know which one calls."""
    who = error.found if isinstance(error, RefusedTokenError) else getattr(request, _CALLER, None)
    if not isinstance(who, Caller | Found) or who.token.directory is None:
        return ""
    agent, query = request.META.get("HTTP_USER_AGENT", ""), request.META.get("QUERY_STRING", "")
    return advice.clicks(error.code, profiles.speaking(agent, query, who.token.directory.idp).name)


def caller(request: HttpRequest) -> Caller:
    """Return the directory that calls; authentication has seen to it that one does."""
    who = getattr(request, _CALLER)
    assert isinstance(who, Caller)  # noqa: S101 - a view without authentication is a bug
    return who


def person(request: HttpRequest) -> Person:
    """Return the member who calls, where the view lets in members."""
    who = getattr(request, _CALLER)
    assert isinstance(who, Person)  # noqa: S101 - authentication lets in nobody else
    return who


def call_of(request: HttpRequest, *, with_body: bool = False) -> Call:
    """Return what a request asks. What its body is understood as is noticed for the log of requests."""
    meta = request.META
    call = Call(
        caller(request),
        body=read_body(request) if with_body else {},
        query=read_query(request),
        query_string=meta.get("QUERY_STRING", ""),
        user_agent=meta.get("HTTP_USER_AGENT", ""),
        if_match=meta.get("HTTP_IF_MATCH"),
        if_none_match=meta.get("HTTP_IF_NONE_MATCH"),
    )
    request.scim_understood = call.understood  # type: ignore[attr-defined]  # it lives as long as the request
    return call


def reply(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """Return a document, or with None an empty body, as application/scim+json."""
    body = b"" if document is None else protocol.write(document)
    return HttpResponse(body, status=status, headers=headers, content_type=protocol.MEDIA_TYPE)


def unchanged(tag: str) -> HttpResponse:
    """Answer that the client has what is there; what that is, it knows, so the tag is all that is said of it (RFC 9110 §15.4.5)."""
    response = HttpResponse(status=304, headers={"ETag": tag})
    del response.headers["Content-Type"]
    return response


def _keep(error: ScimError, request: HttpRequest) -> None:
    if isinstance(error, RefusedTokenError):
        if throttle.may_note(error.found.token, "record"):
            keep_refusal(error, error.found, request.method, request.path)
    elif isinstance(who := getattr(request, _CALLER, None), Caller | Person) and error.status != _TOO_MANY:
        # What is refused for its number alone isn't written down each time: that would be a way to fill the record.
        keep_refusal(error, who, request.method, request.path)


def keep_refusal(error: ScimError, who: Caller | Person | Found, method: str | None, path: str) -> None:
    """Write into the record what was refused to whom, in a transaction of its own: that of the request is rolled back."""
    with tenancy.of(who.token.organization_id):
        record(
            Event.SCIM_REFUSE,
            organization_id=who.token.organization_id,
            actor=who.actor,
            subject=Subject("token", str(who.token.pk), who.token.prefix),
            outcome="refused",
            reason=error.code.value,
            data={
                "method": method or "",
                "path": path,
                "status": error.status,
                "detail": error.detail,
            },
        )
