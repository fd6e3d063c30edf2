"""/Me: a person, by a token of their own (RFC 7644 §3.11). They see what is known of them and say what is theirs to say."""

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from identity import member_row, members, tenancy
from identity.models import Member
from scim import (
    authentication,
    following,
    held_access,
    normaliser,
    own_values,
    patch,
    projection,
    resources,
    unmapped,
)
from scim.address import base_url
from scim.authentication import Person
from scim.call import is_known, names
from scim.door import Door, person, reply, unchanged
from scim.errors import Code, ScimError
from scim.group_sql import OF_MEMBER
from scim.received import read_body, read_query
from scim.resources import UserRow, read_user

# By what people are known and let in (names, addresses, certificates) and what their employer says of them is not for them to say:
# whoever could set their own e-mail address could become somebody else at the next sign-in.
OWN: Final = frozenset({
    "nickName", "preferredLanguage", "locale", "timezone", "profileUrl", "photos", "phoneNumbers", "ims", "addresses",
})  # fmt: skip
_SELF = f"""
SELECT m.id::text, m.user_name, m.profile, m.state = 'active', m.version, m.created_at::text, m.changed_at::text, NULL::text, {OF_MEMBER}
  FROM identity_member m WHERE m.organization_id = %s AND m.id = %s"""  # noqa: S608 - built from constants alone


class Me(Door):
    """The one address."""

    def authenticate(self, request: HttpRequest, named: dict[str, Any]) -> Person:  # noqa: ARG002 - as every Door's
        """Return the person whose token it is. ScimError as of every door, and me_is_nobody."""
        return authentication.person(request)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Read oneself."""
        row = _row(person(request))
        known = request.headers.get("If-None-Match")
        answer = _answer(request, row)
        tag = answer.headers["ETag"]
        if known is not None and is_known(known, tag.removeprefix('W/"').rstrip('"')):
            return unchanged(tag)
        return answer

    def put(self, request: HttpRequest) -> HttpResponse:
        """Replace what is one's own; anything else may be left out, or sent as it is."""
        who, body = person(request), read_body(request)
        kind = who.schemas.users
        sent = normaliser.resource(
            {"userName": who.member.user_name} | body, kind, str(who.member.pk)
        ).attributes
        return _answer(
            request,
            _changed(request, lambda before: _without_own(before) | own_values.settled(before, sent, kind)),
        )

    def patch(self, request: HttpRequest) -> HttpResponse:
        """Change parts of what is one's own."""
        kind = person(request).schemas.users
        wanted = normaliser.patch(read_body(request), kind, str(person(request).member.pk))
        apply = patch.apply
        return _answer(request, _changed(request, lambda before: apply(before, wanted.operations, kind)[0]))

    def post(self, _request: HttpRequest) -> HttpResponse:
        """Refuse: nobody joins by asking to."""
        raise ScimError(Code.ME_STAYS)

    def delete(self, _request: HttpRequest) -> HttpResponse:
        """Refuse: going is recorded, guarded and receipted, and an administrator's act."""
        raise ScimError(Code.ME_STAYS)


def _row(who: Person) -> UserRow:
    row = tenancy.read(who.organization, _SELF, [who.organization.pk, who.member.pk])[0]
    return read_user(row)


def _changed(request: HttpRequest, wanted: Callable[[dict[str, Any]], dict[str, Any]]) -> UserRow:
    """Change what is the person's own and return them. ScimError me_not_yours where anything else would differ, version_changed."""
    who = person(request)
    with tenancy.of(who.organization):
        member_row.lock(who.member)
        row = _row(who)
        expected = request.headers.get("If-Match")
        if expected is not None and not names(expected, row.version):
            raise ScimError(Code.VERSION_CHANGED)
        before = resources.attributes_of(following.holding(who.organization.pk, [row])[0])
        after = wanted(before)
        foreign = [
            name
            for name in sorted((before.keys() | after.keys()) - OWN - {unmapped.URN})
            if before.get(name) != after.get(name)
        ]
        if foreign:
            raise ScimError(Code.ME_NOT_YOURS, path=foreign[0])
        own = {name: value for name, value in after.items() if name in OWN}
        profile = _without_own(row.profile) | own
        members.change(Member(pk=row.id, organization=who.organization), actor=who.actor, profile=profile)
        return _row(who)


def _without_own(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name not in OWN}


def _answer(request: HttpRequest, row: UserRow) -> HttpResponse:
    kind = person(request).schemas.users
    organization_id = person(request).organization.pk
    query = read_query(request)
    chosen = projection.compiled(kind, query.get("attributes", ""), query.get("excludedattributes", ""))
    held = held_access.added(organization_id, following.holding(organization_id, [row]), chosen)
    shown = resources.user(held[0], base_url(), kind)
    # The address stays that of the person: /Me is another name for it (RFC 7644 §3.11).
    headers = {"ETag": shown["meta"]["version"], "Location": shown["meta"]["location"]}
    return reply(chosen(shown), headers=headers)
