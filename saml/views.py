"""The four addresses of a connection: metadata, login, acs, sls. They carry values in and answers out, and hold no rules.

Why: docs/decisions/saml-without-djangosaml2-views.md.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from audit.record import Actor
from identity import browser, conflicts, tenancy
from saml import (
    attempt_details,
    attempts,
    connections,
    logout,
    metadata,
    sign_in,
    start,
    tested,
    trial,
    trust,
    wire,
)
from saml.build import Message
from saml.models import Connection
from saml.outcomes import Held, Repeated, SignedIn, SignInRefused, Tested
from saml.presets import preset
from saml.refusals import CATALOGUE, Refused
from saml.statuses import is_theirs

BEGUN_AT_ONCE_MAX: Final = 20

View = Callable[[HttpRequest, Connection], HttpResponse]


def of_connection(view: View) -> Callable[[HttpRequest, UUID], HttpResponse]:
    """Hand the connection of the address to the view; an unknown one is simply not there."""

    @wraps(view)
    def wrapped(request: HttpRequest, connection_id: UUID) -> HttpResponse:
        connection = connections.find(connection_id)
        if connection is None:
            raise Http404
        return view(request, connection)

    return wrapped


@require_safe
@of_connection
def service_provider_metadata(_request: HttpRequest, connection: Connection) -> HttpResponse:
    """Answer with our signed metadata."""
    ready = trust.ready(connection)
    document = metadata.service_provider(
        ready.snapshot,
        ready.signing,
        published=ready.published,
        wants_encryption=connection.encryption != "off",
        signs_requests=connection.sign_requests,
        name_id_format=connection.name_id_format,
    )
    response = HttpResponse(document, content_type="application/samlmetadata+xml")
    response["Content-Disposition"] = f'inline; filename="rollcall-{connection.pk}.xml"'
    return response


@require_safe
@of_connection
def certificate(_request: HttpRequest, connection: Connection) -> HttpResponse:
    """Hand out our current certificate as a file: for checking our signatures, and for encrypting to us."""
    response = HttpResponse(trust.ready(connection).published[0], content_type="application/x-pem-file")
    response["Content-Disposition"] = f'attachment; filename="rollcall-{connection.pk}.pem"'
    return response


@never_cache
@require_GET
@of_connection
def login(request: HttpRequest, connection: Connection) -> HttpResponse:
    """Write the attempt down, bind it to this browser, and send the browser to the identity provider."""
    asked = request.GET.get("next") or request.GET.get("RelayState") or ""
    try:
        message, attempt, nonce = start.begin(
            connection, start.safe_target(asked), _tester(request, connection)
        )
    except SignInRefused as refused:
        return _refused(request, connection, refused)
    response = send(request, message)
    bind(request, response, attempt.request_id or "", nonce)
    return response


@never_cache
@csrf_exempt
@of_connection
def acs(request: HttpRequest, connection: Connection) -> HttpResponse:
    """Take a response; the identity provider's page posts it here, so no CSRF token of ours can come along."""
    if request.method != "POST":
        # A bookmark, or a browser that came back: 405 as a page from which one can go on.
        answer = render(request, "saml/begin_again.html", {"connection": connection}, status=405)
        answer["Allow"] = "POST"
        return answer
    try:
        result = _received(request, connection)
    except SignInRefused as refused:
        if trial.is_trial(refused.attempt):
            return _tested(request, connection, Tested(refused.attempt))
        return _refused(request, connection, refused)
    if isinstance(result, Tested):
        return _tested(request, connection, result)
    response = _see_other(result.target)
    if isinstance(result, Repeated):
        return response
    if isinstance(result, SignedIn):
        browser.remember(response, result.cookie, result.session)
    if result.request_id:
        response.delete_cookie(_cookie(result.request_id), path="/", samesite=_same_site())
    return response


@never_cache
@csrf_exempt
@xframe_options_exempt
@require_http_methods(["GET", "POST"])
@of_connection
def sls(request: HttpRequest, connection: Connection) -> HttpResponse:
    """Take a logout message. It may come inside a frame and without any cookie: sessions are found by their names."""
    try:
        if request.method == "POST":
            received = wire.from_form({name: str(value) for name, value in _form(request).items()})
        else:
            received = wire.from_query(request.META.get("QUERY_STRING", ""))
        if not received.is_request:
            everywhere = logout.conclude(connection, received)
            return render(request, "saml/signed_out.html", {"everywhere": everywhere})
        message = logout.answer(connection, received)
    except Refused as refused:
        logout.refuse(connection, refused)
        return render(request, "saml/not_signed_out.html", status=403)
    if message is None:
        return render(request, "saml/signed_out.html", {"everywhere": False})
    return send(request, message)


def send(request: HttpRequest, message: Message) -> HttpResponse:
    """Send the browser on with a message: by redirect, or by a form that sends itself."""
    if message.fields is None:
        return HttpResponseRedirect(message.url)
    response = render(request, "saml/send.html", {"url": message.url, "fields": message.fields})
    parts = urlsplit(message.url)
    # The page may post to this one identity provider, and to nobody else.
    response._csp_update = {"form-action": [f"{parts.scheme}://{parts.netloc}"]}  # type: ignore[attr-defined]  # noqa: SLF001 - django-csp reads it
    return response


def _see_other(target: str) -> HttpResponse:
    response = HttpResponseRedirect(target)
    # 303: the browser comes with GET, whatever it came with before (RFC 9110 15.4.4).
    response.status_code = 303
    return response


def _refused(request: HttpRequest, connection: Connection, refused: SignInRefused) -> HttpResponse:
    """Answer a refusal: the reason stands in the sign-in log, and strangers learn nothing.

    Only that the identity provider itself refused is told, which whoever comes from there knows: the two send people to
    different places for help.
    """
    values = {
        "reference": refused.reference,
        "by_provider": is_theirs(refused.code),
        "connection": connection,
    }
    return render(request, "saml/refused.html", values, status=403)


def _tester(request: HttpRequest, connection: Connection) -> Actor | None:
    """Return who asked for a test. A ticket that is no good makes a real sign-in of it, which shows that it is none."""
    return trial.read_ticket(connection, request.GET.get("test", ""))


def _tested(request: HttpRequest, connection: Connection, result: Tested) -> HttpResponse:
    """Show a test to the browser that began it with an administrator's ticket, and what is to be done if people could not sign in."""
    attempt = result.attempt
    code = attempt.code or result.code
    with tenancy.of(connection.organization_id):
        values = {
            "attempt": attempt,
            "passed": tested.counts(connections.get(connection.organization, connection.pk)),
            "code": code,
            "detail": attempt.detail or result.detail,
            "advice": CATALOGUE.get(code),
            "where": preset(connection.idp_preset).place(code),
            "name_id": attempt_details.name_id_of(attempt),
            "attributes": sorted(attempt_details.attributes_of(attempt).items()),
        }
    return render(request, "saml/tested.html", values)


def bind(request: HttpRequest, response: HttpResponse, request_id: str, nonce: str) -> None:
    """Bind the request to this browser.

    The answer comes as a POST from another site, where a Lax cookie stays at home, so over https the cookie
    says None. Over plain http browsers drop such a cookie; without the attribute Chromium treats it as Lax
    but lets it go along with a top-level POST for two minutes, which is what development needs.

    Each request has a cookie of its own. A page elsewhere that opens this address again and again would fill the browser with
    them, until it drops others (the session's) and servers refuse its headers; so beyond what tabs anybody has open, they go.
    """
    begun = [name for name in request.COOKIES if name.startswith(_prefix() + attempts.COOKIE)]
    if len(begun) >= BEGUN_AT_ONCE_MAX:
        for name in begun:
            response.delete_cookie(name, path="/", samesite=_same_site())
    response.set_cookie(
        _cookie(request_id),
        nonce,
        max_age=int(attempts.LIFETIME.total_seconds()),
        path="/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite=_same_site(),
    )


def _same_site() -> Any:
    return "None" if settings.SESSION_COOKIE_SECURE else None


def _prefix() -> str:
    # A name with __Host- cannot be planted by a neighbour below the same domain.
    return "__Host-" if settings.SESSION_COOKIE_SECURE else ""


def _cookie(request_id: str) -> str:
    return _prefix() + attempts.cookie_name(request_id)


def _received(request: HttpRequest, connection: Connection) -> SignedIn | Repeated | Tested | Held:
    try:
        form = _form(request)
    except Refused as refused:
        raise SignInRefused(attempts.fail(None, connection, refused, [])) from refused
    encoded, relay_state = form.get("SAMLResponse", ""), form.get("RelayState", "")
    nonces = _nonces(request)
    # All that it writes is one transaction: where that was ended for another one's sake, nothing is spent yet.
    return conflicts.outlived(lambda: sign_in.receive(connection, encoded, nonces, relay_state))


def _form(request: HttpRequest) -> QueryDict:
    """Return what was posted. Raises Refused for more than Django reads: whoever sends it finds in the log what became of it."""
    try:
        return request.POST
    except (RequestDataTooBig, TooManyFieldsSent) as error:
        raise Refused("too_large", "the form") from error


def _nonces(request: HttpRequest) -> dict[str, str]:
    prefix = _prefix()
    return {
        name.removeprefix(prefix): value for name, value in request.COOKIES.items() if name.startswith(prefix)
    }
