"""/Groups: groups and their members. Membership changes are deltas; no list is loaded to be written back."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from identity import groups, tenancy
from identity.postgresql.flush import Statement
from scim import membership, normaliser, one_group, patch, projection, protocol, queries, resources
from scim.address import base_url
from scim.authentication import Caller
from scim.call import Call
from scim.door import Door, call_of, reply, unchanged
from scim.group_sql import Members
from scim.membership import Changes
from scim.moment import Kind, Wanted
from scim.normaliser import Patch
from scim.operations import Operation
from scim.paging import Wish, from_body, from_query
from scim.projection import Projection
from scim.received import foreseen_body, read_query
from scim.resources import GroupRow
from scim.schemas import GROUPS
from scim.schemas.group import MEMBERS
from scim.users import uuid_of


class Groups(Door):
    """The collection."""

    def foreseen(self, request: HttpRequest, **_: str) -> Statement:
        """Return what a list asks first."""
        wish = from_query(read_query(request))
        chosen = projection.compiled(GROUPS, wish.attributes, wish.excluded)
        return queries.groups_asked(wish, members=shown_of(chosen))

    def get(self, request: HttpRequest) -> HttpResponse:
        """List (RFC 7644 §3.4.2)."""
        call = call_of(request)
        return reply(listed(call.who, from_query(call.query)))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create."""
        return create(call_of(request, with_body=True))


class Search(Door):
    """POST /Groups/.search."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """List what the body asks for (RFC 7644 §3.4.3)."""
        call = call_of(request, with_body=True)
        return reply(listed(call.who, from_body(call.body)))


class Group(Door):
    """One group."""

    holds = frozenset({"PUT", "PATCH", "DELETE"})
    gathers = frozenset({"PATCH"})

    def foreseen(self, request: HttpRequest, **named: str) -> Statement:
        """Return the question for the group; where it is to be changed, it is held with the people who are named for it."""
        group_id = uuid_of(named["resource_id"])
        if request.method == "PATCH":
            changes, _ = parted(normaliser.patch(foreseen_body(request), GROUPS, named["resource_id"]))
            return one_group.held(group_id, changes)
        if request.method == "PUT":
            wanted = normaliser.resource(foreseen_body(request), GROUPS, named["resource_id"])
            return one_group.held(group_id, Changes(replaced=True, added=dict.fromkeys(wanted.members or ())))
        if request.method == "DELETE":
            return one_group.held(group_id)
        chosen = projection.chosen_by(GROUPS, read_query(request))
        return queries.group_asked(group_id, members=shown_of(chosen))

    def shares(self, request: HttpRequest, **named: str) -> Wanted | None:
        """Return which group a PATCH changes; one that replaces the members asks who is not among them yet."""
        changes, _ = parted(normaliser.patch(foreseen_body(request), GROUPS, named["resource_id"]))
        if changes.replaced:
            return None
        group_id = uuid_of(named["resource_id"])
        return Wanted(Kind.GROUP, one_group.held(group_id, changes), group_id, changes)

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
        """End it."""
        return delete(call_of(request), resource_id)


def create(call: Call) -> HttpResponse:
    """Create a group (RFC 7644 §3.3)."""
    who = call.who
    wanted = normaliser.resource(call.body, GROUPS)
    call.understood.append(wanted)
    with tenancy.whole(who.organization):
        created = groups.create(
            who.organization,
            actor=who.actor,
            display_name=wanted.attributes["displayName"],
            directory=who.directory,
            external_id=wanted.attributes.get("externalId"),
            members=wanted.members or (),
        )
        row = one_group.found(who, created.pk, members=members_wanted(call))
        if len(wanted.members or ()) > len(row.members or ()) + len(row.groups or ()):
            one_group.note_pending(groups.awaited(created), wanted.notices)
    return one(call, row, 201)


def read(call: Call, resource_id: str) -> HttpResponse:
    """Return a group (RFC 7644 §3.4.1); with excludedAttributes=members the membership is not even looked at."""
    row = one_group.found(call.who, uuid_of(resource_id), members=members_wanted(call))
    if call.knows(resources.group_tag(row)):
        return unchanged(protocol.etag(resources.group_tag(row)))
    return one(call, row)


def replace(call: Call, resource_id: str) -> HttpResponse:
    """Replace a group (RFC 7644 §3.5.1). Without `members` the membership stays: a rename must not empty a group.

    Keycloak alone leaves the list out of a group of nobody, and the last one to go would stay in it for good.
    """
    who = call.who
    wanted = normaliser.resource(call.body, GROUPS, resource_id)
    call.understood.append(wanted)
    is_emptied = wanted.members is None and call.speaks.puts_whole_groups
    changes = Changes(
        wanted.members is not None or is_emptied, is_emptied, dict.fromkeys(wanted.members or ())
    )
    with tenancy.whole(who.organization):
        row, group = one_group.locked(who, uuid_of(resource_id), changes)
        call.check_match(row.version)
        attributes = {"externalId": row.external_id} | wanted.attributes
        one_group.change(who, row, group, attributes, changes, wanted.notices)
        row = one_group.found(who, row.id, members=members_wanted(call))
    return one(call, row)


def modify(call: Call, resource_id: str) -> HttpResponse:
    """Change parts of a group (RFC 7644 §3.5.2)."""
    who = call.who
    wanted = normaliser.patch(call.body, GROUPS, resource_id)
    call.understood.append(wanted)
    changes, others = parted(wanted)
    is_quiet = answers_quietly(call)
    is_told = not is_quiet and not chooses(call) and not changes.is_empty
    with tenancy.whole(who.organization):
        row, group = one_group.locked(who, uuid_of(resource_id), changes)
        call.check_match(row.version)
        before = {"displayName": row.display_name} | (
            {"externalId": row.external_id} if row.external_id else {}
        )
        after, is_changed = patch.apply(before, others, GROUPS, wanted.notices)
        members_before = one_group.members_before(who, row.id) if is_told else None
        if is_changed or not changes.is_empty:
            attributes = {"externalId": None} | after
            delta = one_group.change(who, row, group, attributes, changes, wanted.notices)
        if members_before is not None:
            shown = one_group.after(who, members_before, group, delta)
            is_quiet, row = shown is None, shown or row
        elif not is_quiet:
            row = one_group.found(who, row.id, members=members_wanted(call))
    return reply(None, 204) if is_quiet else one(call, row)


def parted(wanted: Patch) -> tuple[Changes, list[Operation]]:
    """Return what a PATCH does to the membership, taken together, and its other operations."""
    changes = membership.folded(each for each in wanted.operations if each.attribute is MEMBERS)
    return changes, [each for each in wanted.operations if each.attribute is not MEMBERS]


def delete(call: Call, resource_id: str) -> HttpResponse:
    """End a group; its members stay (RFC 7644 §3.6)."""
    who = call.who
    with tenancy.whole(who.organization):
        row, group = one_group.locked(who, uuid_of(resource_id))
        call.check_match(row.version)
        before = timezone.now()
        ended = groups.delete(group, actor=who.actor)
        one_group.left(who, row, ended.members, ended.places, before)
    return reply(None, 204)


def chooses(call: Call) -> bool:
    """Tell whether the caller says which attributes they want: they get them, whatever else holds (RFC 7644 §3.5.2)."""
    return "attributes" in call.query or "excludedattributes" in call.query


def answers_quietly(call: Call) -> bool:
    """Tell whether a PATCH is answered by 204 for its sender's sake: Entra wants no body back.

    Everybody else gets the group, unless its members changed and are too many to send back for the one that was added.
    """
    if chooses(call):
        return False
    return call.speaks.group_patch_answer == "empty"


def listed(who: Caller, wish: Wish) -> dict[str, object]:
    """Return the ListResponse of the directory's groups."""
    chosen = projection.compiled(GROUPS, wish.attributes, wish.excluded)
    page = queries.groups(who, wish, members=shown_of(chosen))
    base = base_url()
    shown = [chosen(resources.group(row, base, as_text=chosen.is_whole)) for row in page.rows]
    return protocol.listing(
        shown, page.total, wish.shown_start, nextCursor=queries.next_cursor(who, page, GROUPS, wish)
    )


def members_wanted(call: Call) -> Members:
    """Return how much of the membership the answer shows, so that no more is read."""
    return shown_of(call.choice(GROUPS))


def shown_of(chosen: Projection) -> Members:
    """Return how much of the membership a choice of attributes shows."""
    if not chosen.shows("members"):
        return "none"
    return "names" if chosen.names("members", "display") else "ids"


def one(call: Call, row: GroupRow, status: int = 200) -> HttpResponse:
    """Answer with one group, its version and address."""
    chosen = call.choice(GROUPS)
    shown = resources.group(row, base_url(), as_text=chosen.is_whole)
    headers = {"ETag": shown["meta"]["version"], "Location": shown["meta"]["location"]}
    return reply(chosen(shown), status, headers)
