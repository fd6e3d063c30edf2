"""/Users: people, from a request to the verbs of identity and back."""

from collections.abc import Sequence
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from identity import links, members, tenancy
from identity.errors import ExternalIdTaken
from identity.matching import Prospect
from identity.postgresql.flush import Statement
from scim import (
    asserted,
    following,
    held_access,
    hidden_values,
    newcomers,
    normaliser,
    own_values,
    patch,
    people,
    projection,
    protocol,
    queries,
    resources,
)
from scim.address import base_url
from scim.authentication import Caller
from scim.call import Call
from scim.door import Door, call_of, reply, unchanged
from scim.errors import Code, ScimError
from scim.moment import Kind, Wanted
from scim.normaliser import Resource
from scim.paging import Wish, from_body, from_query
from scim.received import foreseen_body, read_query
from scim.resources import MemberFields, UserRow
from scim.schemas import USERS


class Users(Door):
    """The collection."""

    foresees = Door.foresees | {"POST"}
    gathers = frozenset({"POST"})

    def foreseen(self, request: HttpRequest, **_: str) -> Statement | None:
        """Return what a list asks first, or what a creation asks about whom it brings."""
        if request.method == "POST":
            return newcomers.most_likely(foreseen_body(request))
        wish = from_query(read_query(request))
        chosen = projection.compiled(USERS, wish.attributes, wish.excluded)
        return queries.users_asked(wish, groups=chosen.shows("groups"))

    def shares(self, request: HttpRequest, **_: str) -> Wanted | None:
        """Return what is asked about a newcomer; not where the answer is to be chosen, which may show what is given at the end of a lot."""
        asked = newcomers.most_likely(foreseen_body(request))
        is_chosen = {"attributes", "excludedattributes"} & read_query(request).keys()
        return None if asked is None or is_chosen else Wanted(Kind.NEWCOMERS, asked)

    def get(self, request: HttpRequest) -> HttpResponse:
        """List (RFC 7644 §3.4.2)."""
        call = call_of(request)
        return reply(listed(call.who, from_query(call.query)))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create."""
        call = call_of(request, with_body=True)
        try:
            return create(call)
        except ExternalIdTaken:
            if not call.speaks.creates_again:
                raise
            return created_again(call)


class Search(Door):
    """POST /Users/.search."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """List what the body asks for (RFC 7644 §3.4.3)."""
        call = call_of(request, with_body=True)
        return reply(listed(call.who, from_body(call.body)))


class User(Door):
    """One person."""

    holds = frozenset({"PUT", "PATCH", "DELETE"})
    # A deletion also holds their groups, in no order with those of others.
    gathers = frozenset({"PUT", "PATCH"})

    def foreseen(self, request: HttpRequest, **named: str) -> Statement:
        """Return the question for the person, who is held where they are to be changed."""
        if request.method in self.holds:
            return queries.user_held(uuid_of(named["resource_id"]))
        chosen = projection.chosen_by(USERS, read_query(request))
        return queries.user_asked(uuid_of(named["resource_id"]), groups=chosen.shows("groups"))

    def shares(self, request: HttpRequest, **named: str) -> Wanted:  # noqa: ARG002 - as every Door's
        """Return whom a change is about."""
        person = uuid_of(named["resource_id"])
        return Wanted(Kind.PEOPLE, queries.user_held(person), person)

    def get(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        """Read."""
        return read(call_of(request), resource_id)

    def put(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        """Replace."""
        return replace(call_of(request, with_body=True), resource_id)

    def patch(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        """Change parts."""
        return modify(call_of(request, with_body=True), resource_id)

    def delete(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        """Offboard."""
        return delete(call_of(request), resource_id)


def create(call: Call) -> HttpResponse:
    """Create a person, or revive the suspended member with this externalId under their old id (RFC 7644 §3.3)."""
    who = call.who
    wanted = normaliser.resource(call.body, who.schemas.users)
    call.understood.append(wanted)
    wanted.attributes = hidden_values.in_attributes(
        {}, wanted.attributes, who.schemas.users, who.organization.pk
    )
    fields = resources.member_fields(wanted.attributes)
    seen = newcomers.foreseen(who, fields)
    if (newcomer := newcomers.let_in(who, fields, seen)) is not None:
        return one(call, people.row_of(newcomer, fields.external_id), 201)
    with tenancy.whole(who.organization):
        row = _provisioned(call, wanted, fields, seen)
    return one(call, row, 201)


def _provisioned(call: Call, wanted: Resource, fields: MemberFields, seen: Prospect | None) -> UserRow:
    """Bring in, or let in again, somebody of whom more is to be said than that they are new: access, groups that wait, an earlier time."""
    who = call.who
    given = members.provision(
        who.organization,
        actor=who.actor,
        user_name=fields.user_name,
        profile=following.without(who.directory, fields.profile),
        active=fields.active is not False,
        directory=who.directory,
        external_id=fields.external_id,
        onto=lambda before: following.without(
            who.directory, own_values.taken_back(before, fields.profile, call.body, who.schemas.users)
        ),
        seen=seen,
    )
    is_followed = following.follows(who.directory)
    if is_followed:
        # An empty list says nothing here: Entra sends one with everybody it creates.
        about = following.named(fields.profile)
        following.note_unused({}, fields.profile, wanted.notices)
        following.assert_anew(given.member, fields.profile, about, actor=who.actor, notices=wanted.notices)
    else:
        asserted.apply(given.member, fields.profile, actor=who.actor, notices=wanted.notices)
    # Nobody can have named somebody by an id that is a moment old.
    joined = (not given.created or given.awaited) and people.welcome(who, given.member, fields.external_id)
    if given.created and not joined and not is_followed:
        # They are what was sent, and nothing besides.
        return people.row_of(given.member, fields.external_id)
    return people.found(who, given.member.pk)


def created_again(call: Call) -> HttpResponse:
    """Bring somebody who is here under the externalId to what a repeated creation says, and answer as it was answered."""
    wanted = normaliser.resource(call.body, call.who.schemas.users)
    known = links.of_directory(call.who.directory).filter(external_id=wanted.attributes.get("externalId"))
    with tenancy.of(call.who.organization):
        member_id = known.values_list("member_id", flat=True).first()
    call.understood.clear()
    answer = replace(call, str(member_id))
    call.understood[-1].notices.add("created_again", "externalId")
    answer.status_code = 201
    return answer


def read(call: Call, resource_id: str) -> HttpResponse:
    """Return a person (RFC 7644 §3.4.1)."""
    chosen = call.choice(call.who.schemas.users)
    row = people.found(call.who, uuid_of(resource_id), groups=chosen.shows("groups"))
    if call.if_none_match is not None:
        version = resources.tag(held_access.added(call.who.organization.pk, [row], chosen)[0])
        if call.knows(version):
            return unchanged(protocol.etag(version))
    return one(call, row)


def replace(call: Call, resource_id: str) -> HttpResponse:
    """Replace a person (RFC 7644 §3.5.1). What Rollcall needs to know them by stays when it is left out: active, externalId."""
    wanted = normaliser.resource(call.body, call.who.schemas.users, resource_id)
    call.understood.append(wanted)
    with tenancy.whole(call.who.organization):
        row, member = people.locked(call.who, uuid_of(resource_id))
        call.check_match(row.version)
        about = following.named(call.body) if following.follows(call.who.directory) else None
        kind = call.who.schemas.users
        sent = hidden_values.in_attributes(row.profile, wanted.attributes, kind, call.who.organization.pk)
        fields = resources.member_fields(own_values.settled(row.profile, sent, kind))
        row, _ = people.changed(call.who, row, member, fields, wanted.notices, about, keep_external_id=True)
    return one(call, row)


def modify(call: Call, resource_id: str) -> HttpResponse:
    """Change parts of a person (RFC 7644 §3.5.2)."""
    wanted = normaliser.patch(call.body, call.who.schemas.users, resource_id)
    call.understood.append(wanted)
    with tenancy.whole(call.who.organization):
        row, member = people.locked(call.who, uuid_of(resource_id))
        call.check_match(row.version)
        before = resources.attributes_of(row)
        operations = hidden_values.in_operations(before, wanted.operations, call.who.organization.pk)
        after, is_changed = patch.apply(before, operations, call.who.schemas.users, wanted.notices)
        if is_changed:
            about = following.differing(before, after) if following.follows(call.who.directory) else None
            fields = resources.member_fields(after)
            version = row.version
            row, was_taken = people.changed(
                call.who, row, member, fields, wanted.notices, about, keep_external_id=False
            )
            if row.version == version:
                people.refuse_kept_out(wanted.notices)
                if not was_taken:
                    following.refuse_untaken(wanted.notices)
    return one(call, row)


def delete(call: Call, resource_id: str) -> HttpResponse:
    """Put a person out (RFC 7644 §3.6)."""
    who = call.who
    with tenancy.whole(who.organization):
        row, member = people.locked(who, uuid_of(resource_id))
        call.check_match(row.version)
        people.deleted(who, row, member)
    return reply(None, 204)


def listed(who: Caller, wish: Wish) -> dict[str, object]:
    """Return the ListResponse of the directory's people."""
    kind = who.schemas.users
    chosen = projection.compiled(kind, wish.attributes, wish.excluded)
    page = queries.users(who, wish, kind, groups=chosen.shows("groups"))
    base = base_url()
    shown: Sequence[object]
    if chosen.is_whole and not following.follows(who.directory):
        shown = [resources.user_written(row, base) for row in page.rows]
    else:
        seen = following.seen(who.directory, [resources.read_user(row) for row in page.rows])
        rows = held_access.added(who.organization.pk, seen, chosen)
        shown = [chosen(resources.user(row, base, kind)) for row in rows]
    return protocol.listing(
        shown, page.total, wish.shown_start, nextCursor=queries.next_cursor(who, page, kind, wish)
    )


def one(call: Call, row: UserRow, status: int = 200) -> HttpResponse:
    """Answer with one person, their version and address."""
    kind = call.who.schemas.users
    chosen = call.choice(kind)
    shown = resources.user(held_access.added(call.who.organization.pk, [row], chosen)[0], base_url(), kind)
    headers = {"ETag": shown["meta"]["version"], "Location": shown["meta"]["location"]}
    return reply(chosen(shown), status, headers)


def uuid_of(text: str) -> UUID:
    """Return the id in an address; one that cannot be ours is nobody's. ScimError not_found."""
    try:
        return UUID(text)
    except ValueError:
        raise ScimError(Code.NOT_FOUND, what="resource") from None
