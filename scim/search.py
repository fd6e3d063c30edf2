"""The root, by GET and by POST to /.search: people and groups by one request (RFC 7644 §3.4.2.1, §3.4.3)."""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse

from scim import groups, protocol, users
from scim.address import base_url
from scim.authentication import Caller
from scim.door import Door, call_of, reply
from scim.errors import Code, ScimError
from scim.paging import Wish, from_body, from_query

_NOT_OF_THIS_TYPE = frozenset({Code.FILTER_UNKNOWN, Code.SORT_UNKNOWN})


class Root(Door):
    """The base address."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """List what the query asks for."""
        call = call_of(request)
        # Whoever puts /Users behind Entra's Tenant URL (…/scim/v2?aadOptscim062020) asks here, and would be shown people and groups.
        swallowed = next((name for name in call.query if "/" in name), "")
        if swallowed:
            expected = f"put behind the path: an address ends where its query begins, as {base_url()}/Users?aadOptscim062020"
            raise ScimError(Code.PARAMETER_WRONG, name=swallowed, expected=expected)
        return reply(listed(call.who, from_query(call.query)))


class RootSearch(Door):
    """POST /.search."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """List what the body asks for."""
        call = call_of(request, with_body=True)
        return reply(listed(call.who, from_body(call.body)))


def listed(who: Caller, wish: Wish) -> dict[str, object]:
    """Return the ListResponse of both types, people first; one that does not know the filter's attributes has nothing that fulfils it."""
    if wish.cursor is not None:
        expected = "left out: /Users and /Groups take one"
        raise ScimError(Code.PARAMETER_WRONG, name="cursor", expected=expected)
    found: list[object] = []
    total = 0
    refusals = []
    for read in (users.listed, groups.listed):
        try:
            part = read(who, _rest(wish, total, len(found)))
        except ScimError as error:
            if error.code not in _NOT_OF_THIS_TYPE:
                raise
            refusals.append(error)
            continue
        total += int(str(part["totalResults"]))
        found.extend(part["Resources"])  # type: ignore[arg-type]
    if len(refusals) > 1:
        raise refusals[0]
    return protocol.listing(found, total, wish.start)


def _rest(wish: Wish, before: int, found: int) -> Wish:
    """Return what is still wanted after `before` results of another type, of which `found` are on the page."""
    return replace(wish, start=max(wish.start - before, 1), count=wish.count - found)
