"""/Roles and /Entitlements: what governance products read to know what they can assign."""

from typing import ClassVar
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse

from scim import catalogue, projection, protocol
from scim.address import base_url
from scim.authentication import Caller
from scim.catalogue import OF_ENTITLEMENTS, OF_ROLES, Catalogue, Item
from scim.door import Door, call_of, reply
from scim.errors import Code, ScimError
from scim.paging import Wish, from_body, from_query


class Roles(Door):
    """The collection of roles."""

    of: ClassVar[Catalogue] = OF_ROLES

    def get(self, request: HttpRequest) -> HttpResponse:
        """List (RFC 7644 §3.4.2)."""
        call = call_of(request)
        return reply(listed(self.of, call.who, from_query(call.query)))


class RoleSearch(Door):
    """POST /Roles/.search."""

    of: ClassVar[Catalogue] = OF_ROLES

    def post(self, request: HttpRequest) -> HttpResponse:
        """List what the body asks for (RFC 7644 §3.4.3)."""
        call = call_of(request, with_body=True)
        return reply(listed(self.of, call.who, from_body(call.body)))


class Role(Door):
    """One role."""

    of: ClassVar[Catalogue] = OF_ROLES

    def get(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        """Read."""
        call = call_of(request)
        item = catalogue.one(self.of, call.who.organization.pk, resource_id)
        if item is None:
            raise ScimError(Code.NOT_FOUND, what=self.of.kind.name.lower())
        return reply(call.choice(self.of.kind)(shown(self.of, item)))


class Entitlements(Roles):
    """The collection of entitlements."""

    of = OF_ENTITLEMENTS


class EntitlementSearch(RoleSearch):
    """POST /Entitlements/.search."""

    of = OF_ENTITLEMENTS


class Entitlement(Role):
    """One entitlement."""

    of = OF_ENTITLEMENTS


def listed(of: Catalogue, who: Caller, wish: Wish) -> dict[str, object]:
    """Return the ListResponse of what can be assigned."""
    chosen = projection.compiled(of.kind, wish.attributes, wish.excluded)
    page = catalogue.page(of, who.organization.pk, wish)
    documents = [chosen(shown(of, item)) for item in page.items]
    return protocol.listing(documents, page.total, wish.shown_start, nextCursor=page.next)


def shown(of: Catalogue, item: Item) -> dict[str, object]:
    """Return the resource of Okta's schema."""
    kind = of.kind
    document: dict[str, object] = {"schemas": [kind.schema.id], "id": item.id, "displayName": item.display}
    if "type" in kind.core:
        document["type"] = kind.name
    if item.description:
        document["description"] = item.description
    # The product's ids may hold a slash, or anything.
    location = f"{base_url()}{kind.endpoint}/{quote(item.id, safe=':')}"
    return document | {"meta": {"resourceType": kind.name, "location": location}}
