"""Who is calling: the token names the directory, and the directory its organization."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest

from audit.record import Actor
from identity import tenancy, tokens
from identity.arriving_together import Arriving
from identity.exits import Leaving
from identity.models import Directory, Group, Member, Organization, Token
from identity.postgresql.base import Later
from identity.postgresql.flush import Rows, Statement
from scim import credential, registry
from scim.errors import Code, ScimError
from scim.registry import Registry
from scim.resources import GroupRow

# Basic is not asked for, only understood: a browser that is asked keeps the password, and sends it along for any page of anybody's.
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="scim"'}
_REJECTED = {"WWW-Authenticate": 'Bearer realm="scim", error="invalid_token"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """A directory that speaks to us by one of its tokens."""

    directory: Directory
    organization: Organization
    token: Token
    actor: Actor
    # What was asked with the token, and its answer.
    foreseen: Statement | None = None
    answer: Rows | None = None
    # Groups that the transaction of a lot holds, in both forms, as they are by now.
    held: dict[UUID, tuple[GroupRow, Group]] | None = None
    # Newcomers whom a lot lets in at its end, and people whom it shuts out there, for the time being and for good.
    arriving: list[Arriving] | None = None
    leaving: Leaving | None = None
    deleting: list[Member] | None = None

    @property
    def schemas(self) -> Registry:
        """The resource types and schemas of the caller's organization."""
        return registry.of(self.organization)

    def answered(self, statement: Statement) -> Rows | None:
        """Return the rows that came with the token, where exactly this statement was foreseen."""
        return self.answer if self.foreseen == statement else None

    def read(self, statement: Statement) -> Rows:
        """Return the rows of a statement for this directory, asked anew where they did not come with the token."""
        answer = self.answered(statement)
        if answer is not None:
            return answer
        return tenancy.read_as(self.organization, self.directory.pk, self.token.pk, statement)

    def read_later(self, statement: Statement) -> Later:
        """Have a statement travel with the next one, in the transaction that is open."""
        return tenancy.read_later_as(self.organization, self.directory.pk, self.token.pk, statement)


@dataclass(frozen=True, slots=True)
class Person:
    """A member who asks about themselves, by a token of their own."""

    member: Member
    organization: Organization
    token: Token
    actor: Actor

    @property
    def schemas(self) -> Registry:
        """The resource types and schemas of the person's organization."""
        return registry.of(self.organization)


class RefusedTokenError(ScimError):
    """A genuine token that may not be used: we know whose it is, so the refusal goes into their record."""

    def __init__(self, code: Code, found: tokens.Found) -> None:
        super().__init__(code, _REJECTED)
        self.found = found


def directory(request: HttpRequest, asking: Statement | None = None) -> Caller:
    """Return the directory whose token was sent, with the answer to what is asked with it.

    ScimError token_missing, token_shape, token_unknown; RefusedTokenError where the token is known.
    """
    found = _found(request, asking)
    if found.token.directory is None or tokens.SCIM_SCOPE not in found.token.scopes:
        raise RefusedTokenError(Code.TOKEN_SCOPE, found)
    tokens.note_use(found.token)
    return Caller(found.token.directory, found.organization, found.token, found.actor, asking, found.answer)


def person(request: HttpRequest) -> Person:
    """Return the member whose own token was sent, made for `own_profile`. A directory's is genuine and nobody's own (RFC 7644 §3.11).

    ScimError and RefusedTokenError as above, and ME_IS_NOBODY for a directory.
    """
    found = _found(request)
    if found.token.member is None:
        raise ScimError(Code.ME_IS_NOBODY)
    if tokens.OWN_PROFILE_SCOPE not in found.token.scopes:
        raise RefusedTokenError(Code.TOKEN_SCOPE, found)
    tokens.note_use(found.token)
    return Person(found.token.member, found.organization, found.token, found.actor)


def _found(request: HttpRequest, asking: Statement | None = None) -> tokens.Found:
    """Return the token that was sent.

    ScimError token_missing, token_shape, token_unknown; RefusedTokenError for one that is good no longer.
    """
    secret = credential.sent(request)
    if not secret:
        raise ScimError(Code.TOKEN_MISSING, _CHALLENGE)
    found = tokens.find(secret, asking)
    if found is None:
        raise ScimError(Code.TOKEN_UNKNOWN if tokens.is_whole(secret) else Code.TOKEN_SHAPE, _REJECTED)
    if found.refusal:
        raise RefusedTokenError(_CODES[found.refusal], found)
    return found


_CODES = {
    "expired": Code.TOKEN_EXPIRED,
    "revoked": Code.TOKEN_REVOKED,
    "owner_out": Code.OWNER_OUT,
    "organization_suspended": Code.ORGANIZATION_SUSPENDED,
}
