"""Who calls the API: an operator's token, a token of a member or directory, or a browser's session with its CSRF token."""

from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from rest_framework import status
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import APIException, AuthenticationFailed, UnsupportedMediaType
from rest_framework.request import Request

from audit.record import Actor
from identity import browser, operators, roles, tokens
from identity.handing_out import OPERATOR
from identity.models import Member, Organization, Token

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_WHY_REFUSED: Final = {
    "revoked": "This token is revoked.",
    "expired": "This token has expired: have a new one issued.",
    "owner_out": "The owner of this token is not active.",
    "organization_suspended": "The organization of this token is suspended.",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """A credential that is good. `organization` is the credential's own, None for the operator token of the environment.

    `capabilities` are scopes and rights in one: a token can do what its scopes say and its owner may.
    """

    kind: str
    actor: Actor
    organization: Organization | None
    capabilities: frozenset[str]
    member: Member | None = None
    token: Token | None = None

    @property
    def is_operator(self) -> bool:
        """Whether the caller runs the whole server."""
        return OPERATOR in self.capabilities

    @property
    def as_operator(self) -> Actor:
        """Return the caller as one who acts from outside the organization."""
        return Actor("operator", str(self.member.pk) if self.member else self.actor.id, self.actor.label)

    def acting_in(self, organization: Organization) -> Actor:
        """Return the caller as the record of that organization names them."""
        at_home = self.organization is not None and self.organization.pk == organization.pk
        return self.actor if at_home else self.as_operator


class Unauthenticated(AuthenticationFailed):
    """No credential, or none that is good. `code` says which."""

    default_detail = "Send a bearer token, or sign in."
    default_code = "not_authenticated"


class RefusedToken(Unauthenticated):
    """A token that we issued and that is good no longer: we know whose it is."""

    def __init__(self, found: tokens.Found) -> None:
        super().__init__(_WHY_REFUSED[found.refusal], f"token_{found.refusal}")
        self.found = found


class CsrfFailed(APIException):
    """A browser's session changes things only with the CSRF token of our own pages."""

    status_code = status.HTTP_403_FORBIDDEN
    default_detail = "Send the CSRF token of the page in the header X-CSRFToken."
    default_code = "csrf_failed"


class Credentials(BaseAuthentication):
    """Reads the Authorization header, and without one the session cookie. `request.auth` is the Caller, or None."""

    def authenticate(self, request: Request) -> tuple[None, Caller] | None:
        """Find the caller. Raises Unauthenticated for a bad header (a session never stands in for it) and CsrfFailed."""
        header = request.headers.get("Authorization")
        if header is not None:
            return None, _of_header(header)
        session = browser.session_of(request._request)  # noqa: SLF001 - the cookie belongs to Django's request
        if session is None:
            return None
        _check_csrf(request._request)  # noqa: SLF001 - the same
        return None, _of_member(session.member, session.organization)

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme to answer 401 with (RFC 6750, 3)."""
        sent = "Authorization" in request.headers
        return 'Bearer realm="rollcall", error="invalid_token"' if sent else 'Bearer realm="rollcall"'


def caller_of(request: Request) -> Caller | None:
    """Return who calls; None for nobody known."""
    return request.auth  # type: ignore[return-value]  # the stubs know tokens of DRF's own


def _of_header(header: str) -> Caller:
    scheme, _, secret = header.partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret:
        raise Unauthenticated("The Authorization header is `Bearer` and a token.", "invalid_token")
    ours = settings.ROLLCALL_OPERATOR_TOKEN
    if ours and compare_digest(secret.encode(), ours.encode()):
        everything = frozenset({*roles.CAPABILITIES, OPERATOR})
        return Caller("operator", Actor("operator", "environment", "operator token"), None, everything)
    found = tokens.find(secret)
    if found is None:
        raise Unauthenticated("We did not issue this token.", "invalid_token")
    if found.refusal:
        raise RefusedToken(found)
    tokens.note_use(found.token)
    return _of_token(found)


def _of_token(found: tokens.Found) -> Caller:
    member = found.token.member
    if member is None:
        # A directory's token speaks SCIM: here it can ask who it is, and nothing else.
        return Caller("directory", found.actor, found.organization, frozenset(), None, found.token)
    owner = _of_member(member, found.organization)
    capabilities = owner.capabilities & {*found.token.scopes, OPERATOR}
    return Caller("token", found.actor, found.organization, capabilities, member, found.token)


def _of_member(member: Member, organization: Organization) -> Caller:
    member.organization = organization  # read already, and outside a tenancy not to be read again
    capabilities = set(roles.capabilities_of(member))
    if operators.is_operator(member):
        capabilities |= {*roles.CAPABILITIES, OPERATOR}
    actor = Actor("member", str(member.pk), member.user_name)
    return Caller("member", actor, organization, frozenset(capabilities), member)


def _check_csrf(request: HttpRequest) -> None:
    """Let a page of ours change things with its token. Only JSON is read, so no other body is parsed in search of one."""
    if request.method in _SAFE_METHODS:
        return
    if request.content_type not in {"", "application/json"}:
        raise UnsupportedMediaType(request.content_type or "")
    check = CSRFCheck(lambda _request: None)  # type: ignore[arg-type]
    check.process_request(request)
    if check.process_view(request, None, (), {}):  # type: ignore[arg-type]
        raise CsrfFailed
