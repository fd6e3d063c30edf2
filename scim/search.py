"""POST /.search at the root: people and groups by one request (RFC 7644 §3.4.3)."""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse

from scim import groups, protocol, users
from scim.door import Door, call_of, reply
from scim.errors import Code, ScimError
from scim.paging import Wish, from_body

_NOT_OF_THIS_TYPE = frozenset({Code.FILTER_UNKNOWN, Code.SORT_UNKNOWN})


class RootSearch(Door):
    """Both types of resources, people first."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """List what the body asks for; a type that does not know the filter's attributes has nothing that fulfils it."""
        call = call_of(request, with_body=True)
        wish = from_body(call.body)
        if wish.cursor is not None:
            raise ScimError(
                Code.PARAMETER_WRONG,
                name="cursor",
                expected="left out: /Users/.search and /Groups/.search take one",
            )
        found: list[object] = []
        total = 0
        refusals = []
        for read in (users.listed, groups.listed):
            try:
                part = read(call.who, _rest(wish, total, len(found)))
            except ScimError as error:
                if error.code not in _NOT_OF_THIS_TYPE:
                    raise
                refusals.append(error)
                continue
            total += int(str(part["totalResults"]))
            found.extend(part["Resources"])  # type: ignore[arg-type]
        if len(refusals) > 1:
            raise refusals[0]
        return reply(protocol.listing(found, total, wish.start))


def _rest(wish: Wish, before: int, found: int) -> Wish:
    """Return what is still wanted after `before` results of another type, of which `found` are on the page."""
    return replace(wish, start=max(wish.start - before, 1), count=wish.count - found)
