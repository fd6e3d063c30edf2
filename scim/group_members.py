"""GET /Groups/{id}/members: the members of one group page by page, which RFC 7644 has no way to ask for. An address of our own.

Each item is a value of `members`; pages go on by cursor as in RFC 9865, from key to key, so that the last page of a group of 100,000
costs what the first does.
"""

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from identity import tenancy
from identity.postgresql.flush import Statement
from scim import one_group, ordering, protocol, queries, resources
from scim.address import base_url
from scim.call import Call
from scim.door import Door, call_of, reply
from scim.errors import Code, ScimError
from scim.ordering import Key
from scim.paging import Wish, from_query
from scim.resources import GroupRow
from scim.users import uuid_of

# Each half walks its own index, and of both no more than a page is read.
_HALF: Final = """
  (SELECT {0} AS value, '{1}' AS type, {2} AS display FROM {3} WHERE {4}
      AND held.organization_id = %(organization)s AND held.ended_at IS NULL AND {0} > %(after)s ORDER BY {0} LIMIT %(limit)s)"""
_NAME_OF: Final = (
    "(SELECT n.display_name FROM {0} n WHERE n.organization_id = held.organization_id AND n.id = {1})"
)
_PEOPLE: Final = (
    "held.member_id",
    "User",
    "identity_member",
    "identity_membership held",
    "held.group_id = %(group)s",
)
_GROUPS: Final = (
    "held.child_id",
    "Group",
    "identity_group",
    "identity_nesting held",
    "held.parent_id = %(group)s",
)
_COUNT: Final = """SELECT
  (SELECT count(*) FROM identity_membership WHERE organization_id = %(organization)s AND group_id = %(group)s AND ended_at IS NULL)
  + (SELECT count(*) FROM identity_nesting WHERE organization_id = %(organization)s AND parent_id = %(group)s AND ended_at IS NULL)"""
_FIRST: Final = Key(None, UUID(int=0))
# Asked for with these, the answer would be another one than what was asked for.
_NOT_HERE: Final = ("filter", "sortby", "sortorder", "startindex")


class GroupMembers(Door):
    """The members of one group."""

    def foreseen(self, request: HttpRequest, **named: str) -> Statement:  # noqa: ARG002 - as every Door's
        """Return the question for the group."""
        return queries.group_asked(uuid_of(named["resource_id"]), members="none")

    def get(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        """List a page. The ETag begins with the group's: a walk during which it changes has seen two states.

        Behind a dot stands a digest of the names that are shown, which change without the group.
        """
        call = call_of(request)
        for name in _NOT_HERE:
            if name in call.query:
                raise ScimError(
                    Code.PARAMETER_WRONG,
                    name=name,
                    expected="left out: members are listed by cursor, in one order",
                )
        wish = from_query(call.query)
        group = one_group.found(call.who, uuid_of(resource_id), members="none")
        page = _page(call, group, wish)
        names = [each["display"] for each in page["Resources"] if "display" in each]
        tag = f"{group.version}.{resources.digest(names)}" if names else group.version
        return reply(page, headers={"ETag": protocol.etag(tag)})


def _page(call: Call, group: GroupRow, wish: Wish) -> dict[str, Any]:
    question = f"members of {group.id}"
    after, total = ordering.read(wish.cursor, question) if wish.cursor else (_FIRST, None)
    is_named = "display" in {
        name.strip().lower().removeprefix("members.") for name in wish.attributes.split(",")
    }
    organization = call.who.organization
    values: dict[str, Any] = {
        "organization": organization.pk, "group": group.id, "after": after.id, "limit": wish.count + 1,
    }  # fmt: skip
    rows = tenancy.read(organization, _statement(is_named=is_named), values)
    has_more = len(rows) > wish.count
    del rows[wish.count :]
    if not wish.cursor:
        total = tenancy.read(organization, _COUNT, values)[0][0]
    cursor = ordering.written(Key(None, rows[-1][0]), question, total) if has_more and rows else None
    return protocol.listing([_shown(*row) for row in rows], total, None, nextCursor=cursor)


def _statement(*, is_named: bool) -> str:
    halves = []
    for key, kind, table, source, condition in (_PEOPLE, _GROUPS):
        name = _NAME_OF.format(table, key) if is_named else "NULL::text"
        halves.append(_HALF.format(key, kind, name, source, condition))
    return f"SELECT value, type, display FROM ({' UNION ALL '.join(halves)}) AS halves ORDER BY value LIMIT %(limit)s"  # noqa: S608 - built from constants alone


def _shown(value: object, kind: str, display: str | None) -> dict[str, str]:
    name = {"display": display} if display is not None else {}
    return {"value": str(value), **name, "$ref": f"{base_url()}/{kind}s/{value}", "type": kind}
