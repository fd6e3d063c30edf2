"""/Groups: groups and their members. Membership changes are deltas; no list is loaded to be written back."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from identity import groups, tenancy
from identity.models import Group as GroupOfMembers
from identity.models import Membership
from scim import membership, normaliser, patch, profiles, projection, protocol, queries, resources
from scim.authentication import Caller
from scim.conditions import check_match, is_unchanged
from scim.door import Door, base_url, bent, caller, read_body, reply
from scim.errors import Code, ScimError
from scim.membership import Changes
from scim.paging import Wish, from_body, from_query
from scim.projection import Projection
from scim.queries import Members
from scim.resources import GroupRow
from scim.schemas import GROUPS
from scim.schemas.group import MEMBERS
from scim.users import uuid_of

# A group of more people than this is not emptied by a remove that names none of them, unless the directory's setting allows it.
EMPTIED_MEMBERS_MAX = 50
EMPTYING_SETTING = "empties_groups"


class Groups(Door):
    """The collection: list and create."""

    def get(self, request: Request) -> HttpResponse:
        """List (RFC 7644 §3.4.2)."""
        return reply(listed(caller(request), from_query(request.query_params.dict())))

    def post(self, request: Request) -> HttpResponse:
        """Create (RFC 7644 §3.3)."""
        who = caller(request)
        wanted = normaliser.resource(read_body(request), GROUPS)
        bent(request, wanted.notices)
        with tenancy.of(who.organization):
            created = groups.create(
                who.organization,
                actor=who.actor,
                display_name=wanted.attributes["displayName"],
                directory=who.directory,
                external_id=wanted.attributes.get("externalId"),
                members=wanted.members or (),
            )
            row = found(who, created.pk, members=members_wanted(choice(request)))
        return one(request, row, 201)


class Search(Door):
    """POST /Groups/.search."""

    def post(self, request: Request) -> HttpResponse:
        """List what the body asks for (RFC 7644 §3.4.3)."""
        return reply(listed(caller(request), from_body(read_body(request))))


class Group(Door):
    """One group."""

    def get(self, request: Request, resource_id: str) -> HttpResponse:
        """Read (RFC 7644 §3.4.1); with excludedAttributes=members the membership is not even looked at."""
        who = caller(request)
        with tenancy.of(who.organization):
            row = found(who, uuid_of(resource_id), members=members_wanted(choice(request)))
        if is_unchanged(request, row.version):
            return HttpResponse(status=304, headers={"ETag": protocol.etag(row.version)})
        return one(request, row)

    def put(self, request: Request, resource_id: str) -> HttpResponse:
        """Replace (RFC 7644 §3.5.1). Without `members` the membership stays: a rename must not empty a group."""
        who = caller(request)
        wanted = normaliser.resource(read_body(request), GROUPS, resource_id)
        bent(request, wanted.notices)
        changes = Changes(wanted.members is not None, added=dict.fromkeys(wanted.members or ()))
        with tenancy.of(who.organization):
            row = found(who, uuid_of(resource_id), members="none", lock=True)
            check_match(request, row.version)
            attributes = {"externalId": row.external_id} | wanted.attributes
            change(who, row, attributes, changes)
            row = found(who, row.id, members=members_wanted(choice(request)))
        return one(request, row)

    def patch(self, request: Request, resource_id: str) -> HttpResponse:
        """Change parts (RFC 7644 §3.5.2)."""
        who = caller(request)
        wanted = normaliser.patch(read_body(request), GROUPS, resource_id)
        bent(request, wanted.notices)
        changes = membership.folded(each for each in wanted.operations if each.attribute is MEMBERS)
        others = [each for each in wanted.operations if each.attribute is not MEMBERS]
        chosen = choice(request)
        is_quiet = answers_quietly(who, request, changes)
        with tenancy.of(who.organization):
            row = found(who, uuid_of(resource_id), members="none", lock=True)
            check_match(request, row.version)
            before = {"displayName": row.display_name} | (
                {"externalId": row.external_id} if row.external_id else {}
            )
            after, is_changed = patch.apply(before, others, GROUPS, wanted.notices)
            if is_changed or not changes.is_empty:
                change(who, row, {"externalId": None} | after, changes)
            if not is_quiet:
                row = found(who, row.id, members=members_wanted(chosen))
        if is_quiet:
            return reply(None, 204)
        return one(request, row)

    def delete(self, request: Request, resource_id: str) -> HttpResponse:
        """End the group; its members stay (RFC 7644 §3.6)."""
        who = caller(request)
        with tenancy.of(who.organization):
            row = found(who, uuid_of(resource_id), members="none", lock=True)
            check_match(request, row.version)
            groups.delete(GroupOfMembers(pk=row.id, organization=who.organization), actor=who.actor)
        return reply(None, 204)


def answers_quietly(who: Caller, request: Request, changes: Changes) -> bool:
    """Tell whether a PATCH is answered by 204.

    Entra wants no body back, and nobody wants 100,000 members back for the one that was added. Whoever says which attributes they
    want gets them (RFC 7644 §3.5.2).
    """
    if {"attributes", "excludedattributes"} & {name.lower() for name in request.query_params}:
        return False
    if not changes.is_empty:
        return True
    name = (
        profiles.seen_in(request.headers.get("User-Agent", ""), request.META.get("QUERY_STRING", ""))
        or who.directory.idp
    )
    return profiles.profile_of(name).group_patch_answer == "empty"


def listed(who: Caller, wish: Wish) -> dict[str, object]:
    """Return the ListResponse of the directory's groups."""
    chosen = projection.compiled(GROUPS, wish.attributes, wish.excluded)
    order = queries.ordering(GROUPS.name, wish.sort_by, descending=wish.descending)
    with tenancy.of(who.organization):
        rows, total = queries.groups(
            who.directory,
            wish.tree,
            order=order,
            offset=wish.start - 1,
            limit=wish.count,
            members=members_wanted(chosen),
        )
    base = base_url()
    return protocol.listing([chosen(resources.group(row, base)) for row in rows], total, wish.start)


def found(who: Caller, group_id: UUID, *, members: Members, lock: bool = False) -> GroupRow:
    """Return one group of the directory. ScimError not_found, also for the groups of others."""
    row = queries.group(who.directory, group_id, members=members, lock=lock)
    if row is None:
        raise ScimError(Code.NOT_FOUND, what="group")
    return row


def change(who: Caller, row: GroupRow, attributes: Mapping[str, str | None], changes: Changes) -> None:
    """Bring a group, whose row is locked, to what is wanted. Members that we don't know yet join when they arrive."""
    if changes.emptied:
        _check_emptying(who, row)
    everybody: Iterable[str] | None = changes.added if changes.replaced else None
    groups.change(
        GroupOfMembers(pk=row.id, organization=who.organization),
        actor=who.actor,
        display_name=attributes["displayName"],
        external_id=attributes["externalId"],
        add=() if changes.replaced else changes.added,
        remove=changes.removed,
        replace=everybody,
    )


def _check_emptying(who: Caller, row: GroupRow) -> None:
    if who.directory.settings.get(EMPTYING_SETTING) is True:
        return
    count = Membership.objects.filter(
        organization=who.organization, group_id=row.id, ended_at__isnull=True
    ).count()
    if count > EMPTIED_MEMBERS_MAX:
        raise ScimError(Code.EMPTIES_GROUP, count=count)


def members_wanted(chosen: Projection) -> Members:
    """Return how much of the membership an answer shows, so that no more is read."""
    if not chosen.shows("members"):
        return "none"
    return "names" if chosen.names("members", "display") else "ids"


def choice(request: Request) -> Projection:
    """Return which attributes the query asks to see."""
    asked = {name.lower(): value for name, value in request.query_params.dict().items()}
    return projection.compiled(GROUPS, asked.get("attributes", ""), asked.get("excludedattributes", ""))


def one(request: Request, row: GroupRow, status: int = 200) -> HttpResponse:
    """Answer with one group, its version and address."""
    shown = resources.group(row, base_url())
    headers = {"ETag": protocol.etag(row.version), "Location": shown["meta"]["location"]}
    return reply(choice(request)(shown), status, headers)
