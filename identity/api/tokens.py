"""Tokens: their secret is in the answer that issues them and never again."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import tenancy, tokens
from identity.api.organization import OrganizationView
from identity.api.shapes import Flag, Moment, Strict, Text, Whole
from identity.api.view import describe
from identity.handing_out import refuse_more_than_own, refuse_stronger_person
from identity.models import Directory, Member, Token


class NewDirectoryToken(Strict):
    """A directory's token speaks SCIM. Without `expires_at` it lives as long as the directory's setting `token_days` says."""

    name = Text(required=False, allow_blank=True, max_length=200)
    expires_at = Moment(required=False)


class NewMemberToken(NewDirectoryToken):
    """A member's token does what its scopes say, as far as the member may do it themselves.

    `service`: a program works with it; when the member leaves it can be handed over.
    """

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=tokens.MEMBER_SCOPES), max_length=50)
    service = Flag(required=False)


class ShownToken(serializers.Serializer[Any]):
    """A token without its secret; `prefix` is the secret's beginning."""

    id = serializers.UUIDField()
    prefix = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    scopes = serializers.ListField(child=serializers.CharField())
    service = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class IssuedToken(ShownToken):
    """A token with its secret, `token`, which is shown this once."""

    token = serializers.CharField()


class DirectoryTokens(OrganizationView):
    """The tokens of one directory."""

    needs = {"GET": ("directories.read",), "POST": ("directories.write",)}

    @describe("directory_tokens", lists=ShownToken)
    def get(self, _request: Request, directory: UUID, **_: Any) -> Response:
        """List the directory's tokens, the revoked ones too."""
        return self._listed(directory=self.one(Directory, directory))

    @describe("directory_token_issue", takes=NewDirectoryToken, gives=IssuedToken, status=201)
    def post(self, _request: Request, directory: UUID, **_: Any) -> Response:
        """Issue a token and show its secret, this once."""
        owner = self.one(Directory, directory)
        return _issued(*tokens.issue(owner, actor=self.actor, **self.taken(NewDirectoryToken)))

    def _listed(self, **owner: Any) -> Response:
        with tenancy.of(self.organization):
            return self.paged(Token.objects.filter(organization=self.organization, **owner), ShownToken)


class DirectoryToken(OrganizationView):
    """One token of a directory."""

    needs = {"DELETE": ("directories.write",)}

    @describe("directory_token_revoke", status=204)
    def delete(self, _request: Request, directory: UUID, token: UUID, **_: Any) -> Response:
        """Revoke the token: the next request with it is refused."""
        tokens.revoke(self.one(Token, token, directory=directory), actor=self.actor)
        return Response(status=204)


class Rotated(Strict):
    """For how many days both work."""

    overlap_days = Whole(default=7, min_value=0, max_value=30)


class Rotation(OrganizationView):
    """A new token in the place of one of a directory's."""

    needs = {"POST": ("directories.write",)}

    @describe("directory_token_rotate", takes=Rotated, gives=IssuedToken, status=201)
    def post(self, _request: Request, directory: UUID, token: UUID, **_: Any) -> Response:
        """Issue a token of the same name and life span; the old one works on for `overlap_days`. The secret is shown this once."""
        old = self.one(Token, token, directory=directory)
        overlap = timedelta(days=self.taken(Rotated)["overlap_days"])
        return _issued(*tokens.rotate(old, actor=self.actor, overlap=overlap))


class MemberTokens(DirectoryTokens):
    """The tokens of one member."""

    needs = {"GET": ("members.read",), "POST": ("members.write",)}

    @describe("member_tokens", lists=ShownToken)
    def get(self, _request: Request, member: UUID, **_: Any) -> Response:  # type: ignore[override]
        """List the member's tokens, the revoked ones too."""
        return self._listed(member=self.one(Member, member))

    @describe("member_token_issue", takes=NewMemberToken, gives=IssuedToken, status=201)
    def post(self, _request: Request, member: UUID, **_: Any) -> Response:  # type: ignore[override]
        """Issue a token and show its secret, this once. Nobody issues scopes that they lack, or in the name of who may do more."""
        owner = self.one(Member, member)
        wanted = self.taken(NewMemberToken)
        if self.caller.member is None or self.caller.member.pk != owner.pk:
            refuse_stronger_person(self.caller, owner, "member")
        refuse_more_than_own(self.caller, set(wanted["scopes"]) - {tokens.OWN_PROFILE_SCOPE}, "scopes")
        return _issued(*tokens.issue(owner, actor=self.actor, **wanted))


class MemberToken(OrganizationView):
    """One token of a member."""

    needs = {"DELETE": ("members.write",)}

    @describe("member_token_revoke", status=204)
    def delete(self, _request: Request, member: UUID, token: UUID, **_: Any) -> Response:
        """Revoke the token: the next request with it is refused."""
        tokens.revoke(self.one(Token, token, member=member), actor=self.actor)
        return Response(status=204)


def _issued(token: Token, secret: str) -> Response:
    token.token = secret  # type: ignore[attr-defined]  # for this answer alone
    return Response(IssuedToken(token).data, status=201, headers={"Cache-Control": "no-store"})
